// It knows no such flag.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { agent: { code: 2, stderr: 'error: unexpected argument --detach found' } } }
