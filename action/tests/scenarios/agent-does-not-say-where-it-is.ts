// A daypass of another version.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { agent: { stdout: '{"pid":4711}' } } }
