// The agent has a token by then: it ends at once, since nobody would ask it.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { GITHUB_ENV: '' } }
