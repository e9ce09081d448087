// The second use would start an agent of other options at the place of the first one's: it ends that one, and says why.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s' },
  daypass: { agent: { stdout: JSON.stringify({ socket: '$ROOT/temp/daypass-action-random/s', pid: 1, profiles: ['second-org'], joined: false }) } },
}
