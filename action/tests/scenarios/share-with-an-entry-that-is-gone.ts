// The address that the service names has nothing any more.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  cache: request => (request.url.includes('/cache?') ? Response.json({ archiveLocation: 'https://storage.example/1' }) : new Response('', { status: 404 })),
}
