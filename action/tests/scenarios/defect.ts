// What nobody has thought of.

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = {
  inputs: { ...inputs, install: 'pip' },
  release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } },
  programs: async () => {
    throw new TypeError('x is not a function')
  },
}
