// The agent stays for as long as the job, to revoke the token after it.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'token', revoke: 'true' } }
