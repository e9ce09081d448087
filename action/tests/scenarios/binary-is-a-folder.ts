// It is no program.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, binary: 'bin' } }
