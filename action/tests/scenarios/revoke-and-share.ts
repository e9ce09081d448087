// A token that others share is not revoked.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, share: 'cache', revoke: 'true' } }
