// Something else than a runner starts the Action.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { RUNNER_TEMP: '' } }
