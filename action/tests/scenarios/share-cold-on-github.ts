// The second protocol.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_RESULTS_URL: 'https://results.example/', ACTIONS_CACHE_SERVICE_V2: 'true' },
  cache: async ({ url }) => {
    if (url.endsWith('/CreateCacheEntry')) return Response.json({ ok: true, signed_upload_url: 'https://blob.example/put?sig=s' })
    if (url.endsWith('/FinalizeCacheEntryUpload')) return Response.json({ ok: true, entry_id: '1' })
    return url.includes('blob.example') ? new Response(null, { status: 201 }) : Response.json({})
  },
}
