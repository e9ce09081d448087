// A daypass.toml of a trusted change is used as it is, and left where it is.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', profile: 'genesys-cloud', 'client-secret': SECRET, binary: 'bin/daypass' },
  files: { 'work/daypass.toml': '# ours' },
}
