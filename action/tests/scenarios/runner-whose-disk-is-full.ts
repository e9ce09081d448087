// Nothing can be handed on: the step fails, and its agent ends at once.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { GITHUB_ENV: '/dev/full' } }
