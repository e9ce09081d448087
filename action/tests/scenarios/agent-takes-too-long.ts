// It is ended, and what a step is told is not that it could not be started.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { agent: { code: -1, late: true } } }
