// Later steps also get a local reverse proxy.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'gateway' } }
