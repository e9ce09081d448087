// daypass found an agent where this job has started none: its tokens are for somebody else.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  daypass: { agent: { stdout: JSON.stringify({ socket: '/tmp/daypass-0/agent.sock', pid: 1, profiles: ['genesys-cloud'], joined: true }) } },
}
