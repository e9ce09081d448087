// daypass is given longer than it was told to wait for the issuer.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, timeout: '5m' }, daypass: { token: { code: -1, late: true } } }
