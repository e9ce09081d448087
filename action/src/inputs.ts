// What the workflow says, checked as far as that needs nothing else.

import { Problem } from './problem.ts'
import { KEYS, input } from './profile.ts'
import { type Environment, variable } from './world.ts'

export type Mode = 'agent' | 'gateway' | 'token'

export interface Inputs {
  readonly profile: string
  /** The profile's keys that were given, without credentials. */
  readonly keys: ReadonlyMap<string, string>
  readonly clientId: string | undefined
  /** Empty when it is missing. */
  readonly clientSecret: string
  readonly cacheKey: string | undefined
  readonly config: string | undefined
  readonly mode: Mode
  readonly outputToken: boolean
  readonly tokenVariable: string | undefined
  readonly share: 'none' | 'cache'
  readonly revoke: boolean
  readonly binary: string | undefined
  readonly binarySha256: string | undefined
  readonly install: 'auto' | 'release' | 'pip'
  readonly lifetime: string
  readonly timeout: string
  readonly summary: boolean
}

export function readInputs(env: Environment): Inputs {
  const read = (name: string) => variable(env, `INPUT_${name.toUpperCase()}`)?.trim() || undefined
  const keys = new Map<string, string>()
  for (const key of Object.keys(KEYS)) {
    const text = read(input(key))
    if (text !== undefined) keys.set(key, text)
  }
  const config = read('config')
  if (config !== undefined && keys.size > 0) {
    const given = [...keys.keys()].map(input).join(', ')
    throw new Problem('config.ambiguous', `config and ${given} are both given`, 'write those into the file, or leave config away')
  }
  const share = oneOf('share', read('share') ?? 'none', ['none', 'cache'])
  const revoke = yes('revoke', read('revoke'), false)
  if (revoke && share !== 'none') {
    throw new Problem('usage', 'revoke and share exclude each other', 'a token that others share must outlive this job')
  }
  const sha256 = read('binary-sha256')?.toLowerCase()
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Problem('usage', 'binary-sha256 is no SHA-256', 'it has 64 hexadecimal digits: sha256sum daypass')
  }
  const tokenVariable = read('token-variable')
  if (tokenVariable !== undefined && !/^[A-Z_][A-Z0-9_]*$/.test(tokenVariable)) {
    throw new Problem('usage', 'token-variable is no name of a variable', 'write upper-case letters, digits and underscores')
  }
  return {
    profile: profileName(read('profile') ?? (config === undefined ? keys.get('provider') ?? 'oauth2' : '')),
    keys,
    clientId: read('client-id'),
    clientSecret: (env['INPUT_CLIENT-SECRET'] ?? '').replace(/(\r?\n)+$/, ''),
    cacheKey: read('cache-key'),
    config,
    mode: oneOf('mode', read('mode') ?? 'agent', ['agent', 'gateway', 'token']),
    outputToken: yes('output-token', read('output-token'), false),
    tokenVariable,
    share,
    revoke,
    binary: read('binary'),
    binarySha256: sha256,
    install: oneOf('install', read('install') ?? 'auto', ['auto', 'release', 'pip']),
    lifetime: duration('lifetime', read('lifetime') ?? '6h'),
    timeout: duration('timeout', read('timeout') ?? '30s'),
    summary: yes('summary', read('summary'), true),
  }
}

/** Empty means the default of the file. */
function profileName(name: string): string {
  if (name === '' || /^[A-Za-z0-9._-]{1,64}$/.test(name)) return name
  throw new Problem('config.invalid', 'profile is no name', 'a name is letters, digits, `.`, `_` and `-`, at most 64')
}

/** The grammar of daypass, so that a wrong one is told before anything is started. */
function duration(name: string, text: string): string {
  if (/^\d+(s|m|h|d)?$/.test(text)) return text
  throw new Problem('usage', `${name} is no duration`, 'write 90s, 10m, 2h, 1d, or a number of seconds')
}

function yes(name: string, text: string | undefined, otherwise: boolean): boolean {
  return text === undefined ? otherwise : oneOf(name, text.toLowerCase(), ['true', 'false']) === 'true'
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text)
  if (found !== undefined) return found
  throw new Problem('usage', `${name} is none of ${choices.join(', ')}`)
}
