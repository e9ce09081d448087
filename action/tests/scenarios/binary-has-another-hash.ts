// Not the file that the workflow means.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'binary-sha256': 'ab'.repeat(32) } }
