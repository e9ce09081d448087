// Somebody changed the tool cache: the file is not started.

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = { inputs, release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } }, files: { 'tools/daypass/1.2.3/x64/daypass': 'another' }, cache: () => new Response(BINARY) }
