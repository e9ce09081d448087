// Dependabot has secrets of its own.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'client-secret': '' }, env: { GITHUB_ACTOR: 'dependabot[bot]' } }
