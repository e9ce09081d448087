// The first protocol: reserve, upload in ranges, commit.

import type { World } from '../world.ts'
import type { Cache } from './service.ts'
import { VERSION, download, json, refuse, send } from './transfer.ts'

export function first(world: World, base: string, token: string | undefined): Cache {
  const api = `${base.replace(/\/$/, '')}/_apis/artifactcache`
  const known = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const headers = { ...known, accept: 'application/json;api-version=6.0-preview.1' }
  const post = (path: string, body: unknown) =>
    send(world, `${api}/${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  return {
    async find(prefix) {
      const answer = await send(world, `${api}/cache?keys=${encodeURIComponent(prefix)}&version=${VERSION}`, { headers })
      if (answer.status === 204) return undefined
      return download(world, base, (await json(answer))['archiveLocation'])
    },
    async save(key, bytes) {
      const reserved = await post('caches', { key, version: VERSION, cacheSize: bytes.length })
      if (reserved.status === 409 || reserved.status === 400) {
        await reserved.body?.cancel()
        return false
      }
      const id = Number((await json(reserved))['cacheId'])
      const range = { 'content-type': 'application/octet-stream', 'content-range': `bytes 0-${bytes.length - 1}/*` }
      const uploaded = await send(world, `${api}/caches/${id}`, { method: 'PATCH', headers: { ...headers, ...range }, body: Buffer.from(bytes) })
      const committed = uploaded.ok ? await post(`caches/${id}`, { size: bytes.length }) : uploaded
      if (!committed.ok) return refuse(committed)
      return true
    },
  }
}
