// A gateway's local credentials in this job name no client.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'client-id': '', profile: 'second' },
  env: { GENESYSCLOUD_OAUTHCLIENT_ID: 'daypass-local-1', GENESYS_CLOUD_CLIENT_ID: 'client-of-the-variable' },
}
