// What is no number would be something else in the file.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'gateway', pool: '1\nhosts = []' } }
