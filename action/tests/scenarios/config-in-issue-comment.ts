// Anybody comments.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET },
  env: { GITHUB_EVENT_NAME: 'issue_comment' },
}
