// A credential of several lines was pasted wrongly.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'client-secret': 'one\ntwo' } }
