// A cache without TLS names a host of its own only.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  cache: async ({ method, url }) => {
    if (url.endsWith('/caches') && method === 'POST') return Response.json({ cacheId: 7 })
    if (url.includes('/caches/7')) return Response.json({})
    if (url.includes('/cache?')) return Response.json({ result: 'hit', archiveLocation: 'http://169.254.169.254/latest' })
    throw new Error('not asked')
  },
}
