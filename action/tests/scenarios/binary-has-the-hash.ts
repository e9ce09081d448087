// The file that the workflow means.

import { type Scenario, BINARY, GENESYS, sha256 } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'binary-sha256': sha256(BINARY).toUpperCase() } }
