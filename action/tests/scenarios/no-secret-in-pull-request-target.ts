// That event has the secrets also where the change is a fork's: something else is wrong.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'client-secret': '' },
  env: { GITHUB_EVENT_NAME: 'pull_request_target' },
  event: { pull_request: { head: { repo: { full_name: 'stranger/things' } } } },
}
