// The fork is gone, and was one.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET },
  env: { GITHUB_EVENT_NAME: 'pull_request' },
  event: { pull_request: { head: { repo: null } } },
}
