// The runner's temporary folder is not there.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { RUNNER_TEMP: '$ROOT/none' } }
