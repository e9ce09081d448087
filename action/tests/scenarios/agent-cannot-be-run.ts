// The kernel says why.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { agent: { code: -1, stderr: 'spawn Exec format error' } } }
