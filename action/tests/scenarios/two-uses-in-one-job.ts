// The second use joins the agent of the first: it starts none, exports no address, and leaves the agent running.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s', 'temp/daypass-action-random/genesys-cloud.toml': 'of the first use' },
}
