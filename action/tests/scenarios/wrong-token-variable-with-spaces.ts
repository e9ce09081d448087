// It is told before anything is started.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'token', 'token-variable': 'not a name' } }
