// Its token has ended; one is fetched and saved.

import { type Scenario, GENESYS, status } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  daypass: { 'cache import': { stdout: JSON.stringify({ imported: false, reason: 'its token has ended' }) }, status: status({ fingerprint: '#cd34' }) },
  cache: async ({ method, url }) => {
    if (url.endsWith('/caches') && method === 'POST') return Response.json({ cacheId: 7 })
    if (url.includes('/caches/7')) return Response.json({})
    if (url.includes('/cache?')) return Response.json({ result: 'hit', archiveLocation: 'http://127.0.0.1:1234/entry' })
    return new Response('old')
  },
}
