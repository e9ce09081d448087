// The token of an earlier use stays in its variable.

import { type Scenario, GENESYS } from '../scenario.ts'

const gateway = { env: { DAYPASS_GATEWAY_URL: 'http://127.0.0.1:41234', GENESYSCLOUD_ACCESS_TOKEN: 'daypass-local-1' } }

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'gateway' },
  env: { DAYPASS_ACTION_VARIABLES: 'GENESYSCLOUD_ACCESS_TOKEN=0123456789abcdef' },
  daypass: { agent: { stdout: JSON.stringify({ socket: '$ROOT/temp/daypass-action-random/s', pid: 1, profiles: ['genesys-cloud'], gateway }) } },
}
