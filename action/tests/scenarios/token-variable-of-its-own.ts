// Two tokens in one job have a variable each, and both are noted.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org', mode: 'token', 'token-variable': 'SECOND_TOKEN' },
  env: { DAYPASS_ACTION_VARIABLES: 'GENESYSCLOUD_ACCESS_TOKEN=0123456789abcdef nothing $(x)=y' },
}
