// More than an entry can be: the rest is not read.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  cache: async ({ method, url }) => {
    if (url.endsWith('/caches') && method === 'POST') return Response.json({ cacheId: 7 })
    if (url.includes('/caches/7')) return Response.json({})
    if (url.includes('/cache?')) return Response.json({ result: 'hit', archiveLocation: 'http://127.0.0.1:1234/entry' })
    return new Response(endless(), { headers: { 'content-type': 'application/octet-stream' } })
  },
}

function endless(): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      // Who reads on is stopped by the test, not by its memory.
      if ((sent += 1) > 100) throw new Error('all of it was read')
      controller.enqueue(new Uint8Array(8 * 1024))
    },
  })
}
