// A job that was killed on this runner has left its folder, and its address in an environment: nothing of it is used.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-gone/s' },
  files: { 'temp/daypass-action-old/agent': '$ROOT/temp/daypass-action-old/s', 'temp/daypass-action-old/store/old': '' },
}
