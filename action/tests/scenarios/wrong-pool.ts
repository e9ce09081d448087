// What is no number would be something else in the file.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, pool: '1\nhosts = []' } }
