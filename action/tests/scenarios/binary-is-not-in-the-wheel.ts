// A wheel with the right hash and without the program.

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = {
  inputs: { ...inputs, install: 'pip' },
  release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } },
}
