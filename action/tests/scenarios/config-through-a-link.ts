// A link that leads out of the workspace is in it all the same.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET },
  env: { GITHUB_EVENT_NAME: 'issue_comment' },
  link: { from: 'work/daypass.toml', to: '/etc/hostname' },
}
