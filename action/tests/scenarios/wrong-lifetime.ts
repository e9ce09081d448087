// A duration that daypass would not take is told before anything starts.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, lifetime: '6 hours' } }
