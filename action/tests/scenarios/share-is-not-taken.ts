// The service has the bytes, and does not finish the entry.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_CACHE_SERVICE_V2: 'true', ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_RESULTS_URL: 'https://results.example/' },
  cache: request => {
    if (request.url.endsWith('GetCacheEntryDownloadURL')) return Response.json({ ok: false })
    if (request.url.endsWith('CreateCacheEntry')) return Response.json({ ok: true, signed_upload_url: 'https://storage.example/1?sig=s' })
    return Response.json({ ok: false }, { status: request.method === 'PUT' ? 201 : 200 })
  },
}
