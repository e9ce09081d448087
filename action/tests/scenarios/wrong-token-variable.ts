// A token there would be a command search path.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'token', 'token-variable': 'PATH' },
}
