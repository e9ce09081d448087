// Who reads the entry could try secrets: daypass refuses.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  daypass: {
    'cache import': { code: 2, stderr: 'error[config.weak_secret]: the client secret is too short to share what it seals\n  hint: set cache-key\n' },
  },
  cache: async ({ method, url }) => {
    if (url.endsWith('/caches') && method === 'POST') return Response.json({ cacheId: 7 })
    if (url.includes('/caches/7')) return Response.json({})
    if (url.includes('/cache?')) return Response.json({ result: 'hit', archiveLocation: 'http://127.0.0.1:1234/entry' })
    return new Response('sealed bytes')
  },
}
