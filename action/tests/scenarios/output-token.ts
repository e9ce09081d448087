// The token is an output only where that is asked for.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'output-token': 'true' } }
