// A step has said that the second use is the first: its agent is left alone.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s', STATE_first: 'true' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s' },
}
