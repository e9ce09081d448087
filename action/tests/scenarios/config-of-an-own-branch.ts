// A pull request from a branch of the repository is trusted.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', profile: 'genesys-cloud', 'client-secret': SECRET, binary: 'bin/daypass' },
  env: { GITHUB_EVENT_NAME: 'pull_request' },
  event: { pull_request: { head: { repo: { full_name: 'Acme/things' } } } },
  files: { 'work/daypass.toml': '# ours' },
}
