// And there a library to load.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'token', 'token-variable': 'LD_PRELOAD' },
}
