// The hint is in the annotation; the agent is stopped in post.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  daypass: {
    token: {
      code: 3,
      stderr: JSON.stringify({
        error: {
          code: 'issuer.rejected',
          message: 'login.mypurecloud.ie answered invalid_client for client 1f2e... (DAYPASS_CLIENT_ID)',
          hint: 'Genesys says this for a wrong id, a wrong secret and a wrong region',
        },
      }),
    },
    status: { stdout: JSON.stringify({ profiles: [{ profile: 'genesys-cloud', place: 'eu-west-1', token: null, served: {} }] }) },
  },
}
