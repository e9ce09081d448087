// The runner's own file is trusted, whoever the change is from.

import { type Scenario, BINARY, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: '$ROOT/etc/daypass.toml', profile: 'genesys-cloud', 'client-secret': SECRET, binary: '$ROOT/etc/daypass' },
  env: { GITHUB_EVENT_NAME: 'issue_comment' },
  files: { 'etc/daypass.toml': '# ours', 'etc/daypass': BINARY },
}
