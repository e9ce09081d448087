// Not what the protocol says.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  cache: () => new Response('<html>'),
}
