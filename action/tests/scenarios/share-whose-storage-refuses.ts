// The address that the service names does not take the bytes.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_CACHE_SERVICE_V2: 'true', ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_RESULTS_URL: 'https://results.example/' },
  cache: request => {
    if (request.url.endsWith('GetCacheEntryDownloadURL')) return Response.json({ ok: false })
    if (request.url.endsWith('CreateCacheEntry')) return Response.json({ ok: true, signed_upload_url: 'https://storage.example/1?sig=s' })
    return new Response('no', { status: 403 })
  },
}
