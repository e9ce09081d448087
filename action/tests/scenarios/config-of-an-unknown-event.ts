// Where the runner does not say what the workflow runs on, the workspace is not believed.

import { SECRET, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, binary: 'bin/daypass' },
  env: { GITHUB_EVENT_NAME: '' },
  files: { 'work/daypass.toml': '' },
}
