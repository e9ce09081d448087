// The second protocol.

import { type Scenario, GENESYS, status } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_RESULTS_URL: 'https://results.example/', ACTIONS_CACHE_SERVICE_V2: 'true' },
  daypass: { status: status({ issuer: 0 }) },
  cache: async ({ url }) =>
    url.includes('blob.example')
      ? new Response('sealed bytes')
      : Response.json({ ok: true, signed_download_url: 'https://blob.example/get?sig=s', matched_key: 'k' }),
}
