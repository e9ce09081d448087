// No JSON comes back.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { agent: { stdout: 'export DAYPASS_AGENT=unix:/x' } } }
