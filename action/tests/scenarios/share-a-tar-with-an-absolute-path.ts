// Bytes are given to daypass, which knows none of them. Nothing is unpacked.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, share: 'cache' },
  env: { ACTIONS_RUNTIME_TOKEN: 'runtime', ACTIONS_CACHE_URL: 'http://127.0.0.1:1234/' },
  daypass: { 'cache import': { stdout: JSON.stringify({ imported: false, reason: 'it is not one of ours, or cut off' }) } },
  cache: async ({ method, url }) => {
    if (url.endsWith('/caches') && method === 'POST') return Response.json({ cacheId: 7 })
    if (url.includes('/caches/7')) return Response.json({})
    if (url.includes('/cache?')) return Response.json({ result: 'hit', archiveLocation: 'http://127.0.0.1:1234/entry' })
    return new Response(tar('/etc/cron.d/evil'))
  },
}

/** The head of an archive with one empty file. */
function tar(path: string): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(1024)
  head.set(Buffer.from(path))
  head.set(Buffer.from('ustar'), 257)
  return head
}
