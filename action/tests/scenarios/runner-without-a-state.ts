// The same, with less missing.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { GITHUB_STATE: '' } }
