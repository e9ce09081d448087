// A file that says which profile is meant: the agent tells its name.

import { SECRET, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, binary: 'bin/daypass' },
  files: { 'work/daypass.toml': '# ours' },
}
