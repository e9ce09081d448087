// An agent elsewhere than in this job is not the one that a job uses.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { DAYPASS_AGENT: 'unix:/run/user/1/daypass/agent.sock' } }
