// The second protocol: Twirp calls, and signed addresses of blob storage.

import type { World } from '../world.ts'
import type { Cache } from './service.ts'
import { VERSION, download, json, refuse, send, signed } from './transfer.ts'

const SERVICE = 'twirp/github.actions.results.api.v1.CacheService'

export function second(world: World, base: string, token: string): Cache {
  const call = (method: string, body: unknown) =>
    send(world, `${base.replace(/\/$/, '')}/${SERVICE}/${method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  return {
    async find(prefix) {
      const found = await json(await call('GetCacheEntryDownloadURL', { key: prefix, restore_keys: [prefix], version: VERSION }))
      if (found['ok'] !== true) return undefined
      return download(world, base, found['signed_download_url'] ?? found['signedDownloadUrl'])
    },
    async save(key, bytes) {
      const answer = await call('CreateCacheEntry', { key, version: VERSION })
      if (answer.status === 409) {
        await answer.body?.cancel()
        return false
      }
      const created = await json(answer)
      if (created['ok'] !== true) return false
      const address = signed(base, created['signed_upload_url'] ?? created['signedUploadUrl'])
      const headers = { 'content-type': 'application/octet-stream', 'x-ms-blob-type': 'BlockBlob' }
      const uploaded = await send(world, address, { method: 'PUT', headers, body: Buffer.from(bytes) })
      if (!uploaded.ok) return refuse(uploaded, "the cache's storage")
      const finished = await json(await call('FinalizeCacheEntryUpload', { key, version: VERSION, size_bytes: `${bytes.length}` }))
      if (finished['ok'] !== true) throw new Error('the cache did not take the entry')
      return true
    },
  }
}
