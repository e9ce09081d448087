// An agent that was not started to revoke does not: that is said before the job relies on it.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second', revoke: 'true' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s' },
}
