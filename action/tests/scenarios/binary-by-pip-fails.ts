// Neither way leads to it.

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = {
  inputs,
  release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } },
  programs: async () => ({ code: 1, stderr: 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\nERROR: no' }),
}
