// More than any daypass has.

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = {
  inputs: { ...inputs, install: 'release' },
  release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } },
  cache: () => new Response('', { headers: { 'content-length': '5000000000' } }),
}
