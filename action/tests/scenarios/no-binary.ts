// A checkout knows no released binary.

import { type Scenario, GENESYS } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = { inputs }
