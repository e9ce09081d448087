// What ran before may have been a stranger's.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET },
  env: { GITHUB_EVENT_NAME: 'workflow_run' },
}
