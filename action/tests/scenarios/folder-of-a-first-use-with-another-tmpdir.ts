// The first use had another TMPDIR, and its socket a folder of its own: the second use finds both.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/before/daypass-old/s', TMPDIR: '$ROOT/work' },
  files: {
    'before/daypass-old/folder': '$ROOT/before/daypass-action-old',
    'before/daypass-action-old/agent': '$ROOT/before/daypass-old/s',
  },
  close: ['before/daypass-old', 'before/daypass-action-old'],
}
