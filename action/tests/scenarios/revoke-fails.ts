// A failure is a warning.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, revoke: 'true' }, daypass: { revoke: { code: 4, stderr: 'error[issuer.unavailable]: no answer\n  hint: try again\n' } } }
