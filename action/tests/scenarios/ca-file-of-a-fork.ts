// Roots of a stranger's choice would let a stranger's server have the secret.

import { BINARY, GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'ca-file': 'ca.pem', binary: '$ROOT/tools/daypass' },
  env: { GITHUB_EVENT_NAME: 'pull_request_target' },
  files: { 'work/ca.pem': '', 'tools/daypass': BINARY },
}
