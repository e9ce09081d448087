// It is told before anything is read.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'binary-sha256': 'ab12' } }
