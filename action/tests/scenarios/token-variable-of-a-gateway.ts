// The gateway's local credential is in that variable: a token does not take its place.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second-org', mode: 'token' },
  env: {
    GENESYSCLOUD_ACCESS_TOKEN: 'daypass-local-1',
    DAYPASS_ACTION_VARIABLES: 'DAYPASS_GATEWAY_URL=0123456789abcdef GENESYSCLOUD_ACCESS_TOKEN=0123456789abcdef',
  },
}
