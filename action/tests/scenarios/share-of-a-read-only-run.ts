// Runs that may only read do not write.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ...{ ACTIONS_CACHE_MODE: 'read' }, ...{ ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' } },
  cache: () => new Response(null, { status: 204 }),
}
