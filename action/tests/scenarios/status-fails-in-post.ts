// Post warns, and goes on to stop the agent.

import { type Scenario, status } from '../scenario.ts'

export const scenario: Scenario = { daypass: { status: [status(), { code: 4, stderr: 'error[agent.unreachable]: no agent\n' }] } }
