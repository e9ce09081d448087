// Not even post could be told: nothing was started.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { GITHUB_STATE: '/dev/full' } }
