// A program of the workspace is not given the secret.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  env: { GITHUB_EVENT_NAME: 'pull_request' },
  event: { pull_request: { head: { repo: { full_name: 'stranger/things' } } } },
}
