// Nothing is left to revoke.

import { type Scenario, GENESYS, status } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, revoke: 'true' }, daypass: { status: [status(), status({ left: 0 })] } }
