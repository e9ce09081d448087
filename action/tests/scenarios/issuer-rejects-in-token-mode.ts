// The agent is stopped at once.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'token' }, daypass: { token: { code: 4, stderr: 'error[issuer.unavailable]: no answer\n' } } }
