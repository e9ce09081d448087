// The first use has it too.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second', revoke: 'true' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s', 'temp/daypass-action-random/revokes': '' },
}
