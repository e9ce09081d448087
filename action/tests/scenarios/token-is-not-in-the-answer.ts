// A daypass of another version.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { token: { stdout: '{"token_type":"Bearer"}' } } }
