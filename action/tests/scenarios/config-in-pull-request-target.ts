// The checkout may be that of the pull request.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET },
  env: { GITHUB_EVENT_NAME: 'pull_request_target' },
  event: { pull_request: { head: { repo: { full_name: 'acme/things' } } } },
}
