// A file's default would be the name of the first use, or not: it is asked for.

import { SECRET, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, binary: 'bin/daypass' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'work/daypass.toml': '# ours', 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s' },
}
