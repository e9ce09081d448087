// The Actions cache as a place for a few bytes. GitHub speaks the second protocol; GitHub Enterprise Server, Gitea, Forgejo
// and act speak the first. Nothing is packed or unpacked: an entry is the bytes themselves, and at most 64 KiB of them.

import { type World, variable } from '../world.ts'
import { first } from './first.ts'
import { second } from './second.ts'

export const MAX_ENTRY = 64 * 1024

const MODES = ['none', 'read', 'write', 'write-only']

export interface Cache {
  /** The newest entry whose key begins like this. */
  find(prefix: string): Promise<Uint8Array | undefined>
  /** False when there is one with this key already. */
  save(key: string, bytes: Uint8Array): Promise<boolean>
}

/** Undefined where the runner offers none. */
export function actionsCache(world: World): Cache | undefined {
  const { env } = world
  const cache = service(world)
  const mode = variable(env, 'ACTIONS_CACHE_MODE')?.trim().toLowerCase() ?? ''
  if (cache === undefined || !MODES.includes(mode)) return cache
  // The repository's owner may have closed one direction or both.
  return {
    find: async prefix => (mode === 'read' || mode === 'write' ? cache.find(prefix) : undefined),
    save: async (key, bytes) => mode.startsWith('write') && cache.save(key, bytes),
  }
}

function service(world: World): Cache | undefined {
  const { env } = world
  // act needs none.
  const token = variable(env, 'ACTIONS_RUNTIME_TOKEN')
  const results = variable(env, 'ACTIONS_RESULTS_URL')
  if (variable(env, 'ACTIONS_CACHE_SERVICE_V2') && results !== undefined && token !== undefined) return second(world, results, token)
  const url = variable(env, 'ACTIONS_CACHE_URL') ?? results
  return url === undefined ? undefined : first(world, url, token)
}
