// Elsewhere an empty secret is a wrong name, most of the time.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'client-secret': '' } }
