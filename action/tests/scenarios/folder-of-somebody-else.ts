// A folder of such a name that is open to all is none of ours, whatever it says of the agent.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-other/s' },
  files: { 'temp/daypass-action-other/agent': '$ROOT/temp/daypass-action-other/s' },
  open: 'temp/daypass-action-other',
}
