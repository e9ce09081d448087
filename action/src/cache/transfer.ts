// What both protocols share: what an entry is called besides its key, and how its bytes travel.

import { createHash } from 'node:crypto'

import { readBody } from '../body.ts'
import type { World } from '../world.ts'
import { MAX_ENTRY } from './service.ts'

/** A text that only we use, so that no other cache's entry is found. */
export const VERSION = createHash('sha256').update('daypass record 1').digest('hex')

const TIMEOUT = 10_000

export async function send(world: World, url: string, init: RequestInit): Promise<Response> {
  const answer = await world.fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT) })
  if (answer.status >= 500) return refuse(answer)
  return answer
}

/** What is behind the status is not waited for. */
export async function refuse(answer: Response, what = 'the cache'): Promise<never> {
  await answer.body?.cancel()
  throw new Error(`${what} answered ${answer.status}`)
}

export async function json(answer: Response): Promise<Record<string, unknown>> {
  if (!answer.ok) return refuse(answer)
  const bytes = await readBody(answer, MAX_ENTRY)
  try {
    const value: unknown = bytes && JSON.parse(Buffer.from(bytes).toString())
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Told below, without what it said.
  }
  throw new Error('the cache answered no JSON object')
}

/** Gets the bytes from a signed address, which is told nothing about us. */
export async function download(world: World, service: string, address: unknown): Promise<Uint8Array> {
  const answer = await send(world, signed(service, address), {})
  if (!answer.ok) return refuse(answer, "the cache's storage")
  const bytes = await readBody(answer, MAX_ENTRY)
  if (bytes === undefined) throw new Error(`the entry is larger than ${MAX_ENTRY / 1024} KiB`)
  return bytes
}

/** An address of storage that the service names: https, or the service's own host where that has no TLS. */
export function signed(service: string, address: unknown): string {
  const url = typeof address === 'string' ? URL.parse(address) : null
  const own = URL.parse(service)
  if (url?.protocol === 'https:' || (url !== null && own?.protocol === 'http:' && url.host === own.host)) return url.href
  throw new Error('the cache names no address that can be used')
}
