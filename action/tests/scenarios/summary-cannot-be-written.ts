// The agent ends and the folder goes all the same.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { GITHUB_STEP_SUMMARY: '/dev/full' } }
