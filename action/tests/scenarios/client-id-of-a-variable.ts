// Without the input, any of the provider's variables names the client.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'client-id': '' },
  env: { GC_CLIENT_ID: 'client-of-the-variable' },
}
