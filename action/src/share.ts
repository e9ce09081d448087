// `share: cache`: the sealed record between the Actions cache and daypass. Nothing here can open it, and whatever goes
// wrong costs a token request at most.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import { type Cache, MAX_ENTRY, actionsCache } from './cache/service.ts'
import type { Commands } from './commands.ts'
import type { Daypass } from './daypass.ts'
import type { Inputs } from './inputs.ts'
import { Problem, printable } from './problem.ts'
import type { World } from './world.ts'

/** What names the profile to daypass. */
export interface Named {
  readonly config: string
  readonly profile: string
  readonly secrets: string
}

export class Share {
  readonly #commands: Commands
  readonly #daypass: Daypass
  readonly #named: Named
  #cache: Cache | undefined
  readonly #prefix: string

  private constructor(commands: Commands, daypass: Daypass, named: Named, cache: Cache | undefined, prefix: string) {
    this.#commands = commands
    this.#daypass = daypass
    this.#named = named
    this.#cache = cache
    this.#prefix = prefix
  }

  static async open(world: World, commands: Commands, daypass: Daypass, inputs: Inputs, named: Named): Promise<Share> {
    const cache = actionsCache(world)
    if (cache === undefined) {
      commands.warning(new Problem('action.no_cache', 'share: cache, but this runner offers no Actions cache', 'each job asks the issuer once'))
    }
    return new Share(commands, daypass, named, cache, await prefix(inputs))
  }

  /** Returns the fingerprint of the token that daypass took, if it took one. */
  async restore(): Promise<string | undefined> {
    const bytes = await this.#passBy('read', () => this.#cache?.find(this.#prefix))
    if (bytes === undefined) return undefined
    const args = ['--config', this.#named.config, 'cache', 'import', ...names(this.#named.profile), '--json']
    const taken = await this.#daypass.json({ args, input: bytes, secrets: this.#named.secrets })
    if (taken['imported'] === true) return String(taken['fingerprint'])
    this.#commands.info(`daypass: the entry in the Actions cache is of no use: ${printable(String(taken['reason']))}`)
    return undefined
  }

  async save(expiresAt: string): Promise<void> {
    if (this.#cache === undefined) return
    const args = ['--config', this.#named.config, 'cache', 'export', ...names(this.#named.profile)]
    const bytes = await this.#daypass.ask({ args, secrets: this.#named.secrets })
    if (bytes.length === 0 || bytes.length > MAX_ENTRY) return
    // Entries never change, so each token has one of its own.
    const key = `${this.#prefix}${expiresAt.replace(/\D/g, '')}`
    await this.#passBy('written', () => this.#cache?.save(key, bytes))
  }

  async #passBy<T>(what: string, work: () => Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const why = printable(error instanceof Error ? error.message : String(error))
      this.#commands.warning(new Problem('action.cache_failed', `the Actions cache cannot be ${what}: ${why}`, 'this job goes on without it'))
      // One that does not answer is not waited for twice.
      this.#cache = undefined
      return undefined
    }
  }
}

function names(profile: string): string[] {
  return profile === '' ? [] : [profile]
}

/** Everything that the workflow says of the profile, but no secret: what is different should not hide each other. */
async function prefix(inputs: Inputs): Promise<string> {
  const file = inputs.config === undefined ? '' : await readFile(inputs.config, 'utf8').catch(() => '')
  const said = JSON.stringify([inputs.profile, [...inputs.keys].sort(), inputs.clientId, file])
  return `daypass-${createHash('sha256').update(said).digest('hex').slice(0, 32)}-`
}
