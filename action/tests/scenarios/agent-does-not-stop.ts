// Then the process is ended.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { daypass: { 'agent --stop': { code: 4, stderr: 'error[agent.unreachable]: no agent\n' } } }
