// The job took longer than the token lives.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'token', 'token-variable': 'ORG_TOKEN' }, later: new Date('2026-01-01T13:30:00Z') }
