// The real world: this process, its runner and its network.

import { randomUUID } from 'node:crypto'
import http from 'node:http'

import { Commands } from '../commands.ts'
import { Problem } from '../problem.ts'
import { withSchemes } from '../proxy.ts'
import release from '../release.json' with { type: 'json' }
import type { World } from '../world.ts'
import { end } from './end.ts'
import { run } from './run.ts'

function realWorld(): World {
  return {
    env: process.env,
    host: `${process.platform}-${process.arch}`,
    release,
    now: () => new Date(),
    random: randomUUID,
    print: text => void process.stdout.write(text),
    run,
    end,
    fetch: async (url, init) => {
      useProxy()
      return fetch(url, init)
    },
  }
}

let proxied = false

/** `fetch` knows no proxy by itself, and not every Node has this. */
function useProxy(): void {
  if (proxied || process.env['NODE_USE_ENV_PROXY'] !== undefined) return
  try {
    http.setGlobalProxyFromEnv?.(withSchemes(process.env))
  } catch {
    // What Node says of it may show a password.
    throw new Error('HTTPS_PROXY or HTTP_PROXY is no address of a proxy')
  }
  proxied = true
}

/** Runs one of the entries to its end. */
export function enter(entry: (world: World) => Promise<number>): void {
  const world = realWorld()
  void entry(world)
    .catch((error: unknown) => {
      new Commands(world).error(Problem.of(error))
      return 1
    })
    .then(code => {
      process.exitCode = code
    })
}
