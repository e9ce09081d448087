// What the workflow says, checked as far as that needs nothing else.

import { resolve } from 'node:path'

import { Problem } from './problem.ts'
import { CLIENT_IDS, KEYS, input } from './profile.ts'
import { type Environment, variable } from './world.ts'

/** Variables by which others are steered: of the system, of shells and languages, of the runner, of daypass. */
const STEERING =
  /^(PATH|HOME|SHELL|IFS|ENV|CI|USER|TMPDIR|CDPATH|BASH_.*|PS4|PROMPT_COMMAND|LD_.*|DYLD_.*|NODE_.*|NPM_.*|PYTHON.*|PIP_.*|PERL.*|RUBY.*|JAVA_.*|GIT_.*|SSL_.*|CURL_.*|.*_PROXY|GITHUB_.*|RUNNER_.*|ACTIONS_.*|INPUT_.*|STATE_.*|DAYPASS_.*)$/
const DAY = 86_400

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
  const mode = oneOf('mode', read('mode') ?? 'agent', ['agent', 'gateway', 'token'])
  const tokenVariable = read('token-variable')
  if (tokenVariable !== undefined && !/^[A-Z_][A-Z0-9_]*$/.test(tokenVariable)) {
    throw new Problem('usage', 'token-variable is no name of a variable', 'write upper-case letters, digits and underscores')
  }
  if (tokenVariable !== undefined && STEERING.test(tokenVariable)) {
    throw new Problem('usage', `token-variable: ${tokenVariable} means something to the shell, the runner or a program`, 'take a name of your own, such as ORG_TOKEN')
  }
  if (tokenVariable !== undefined && mode !== 'token') throw new Problem('usage', 'token-variable is for mode: token', 'leave it away, or add mode: token')
  if (keys.has('pool') && mode !== 'gateway') throw new Problem('usage', 'pool is for mode: gateway', 'leave it away, or add mode: gateway')
  const secret = (env['INPUT_CLIENT-SECRET'] ?? '').replace(/(\r?\n)+$/, '')
  return {
    profile: profileName(read('profile') ?? (config === undefined ? keys.get('provider') ?? 'oauth2' : '')),
    keys,
    clientId: read('client-id') ?? (config === undefined ? clientIdOf(env, keys.get('provider')) : undefined),
    clientSecret: secret.trim() === '' ? '' : secret,
    cacheKey: read('cache-key'),
    config: optional(config, path => located(env, path)),
    mode,
    outputToken: yes('output-token', read('output-token'), false),
    tokenVariable,
    share,
    revoke,
    binary: optional(read('binary'), path => located(env, path)),
    binarySha256: sha256,
    install: oneOf('install', read('install') ?? 'auto', ['auto', 'release', 'pip']),
    lifetime: duration('lifetime', read('lifetime') ?? '6h', 35 * DAY),
    timeout: duration('timeout', read('timeout') ?? '30s', DAY / 24),
    summary: yes('summary', read('summary'), true),
  }
}

/** Where a path starts that does not say so. */
export function located(env: Environment, path: string): string {
  return resolve(variable(env, 'GITHUB_WORKSPACE') ?? process.cwd(), path)
}

function optional<T, U>(value: T | undefined, then: (value: T) => U): U | undefined {
  return value === undefined ? undefined : then(value)
}

/** Empty means the default of the file. */
function profileName(name: string): string {
  if (name === '' || /^[A-Za-z0-9._-]{1,64}$/.test(name)) return name
  throw new Problem('config.invalid', 'profile is no name', 'a name is letters, digits, `.`, `_` and `-`, at most 64')
}

/** The grammar of daypass, so that a wrong one is told before anything is started. */
function duration(name: string, text: string, most: number): string {
  const [, number, unit] = /^(\d+)(s|m|h|d)?$/.exec(text) ?? []
  if (number === undefined) throw new Problem('usage', `${name} is no duration`, 'write 90s, 10m, 2h, 1d, or a number of seconds')
  const length = Number(number) * { s: 1, m: 60, h: 3600, d: DAY }[unit ?? 's']!
  if (length > 0 && length <= most) return text
  throw new Problem('usage', `${name} is too ${length > 0 ? 'long' : 'short'}`, `it is at least 1s, and at most ${most / 3600}h`)
}

/** The client that the provider's own variables name; not the local one of a gateway in this job. */
function clientIdOf(env: Environment, provider: string | undefined): string | undefined {
  const names = provider === 'genesys-cloud' ? CLIENT_IDS.genesys : CLIENT_IDS.generic
  return names.map(name => variable(env, name)?.trim()).find(id => id && !id.startsWith('daypass-local-'))
}

/** What a duration has in seconds. */
export function seconds(duration: string): number {
  const factors: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 }
  return Number.parseInt(duration, 10) * (factors[duration.slice(-1)] ?? 1)
}

function yes(name: string, text: string | undefined, otherwise: boolean): boolean {
  return text === undefined ? otherwise : oneOf(name, text.toLowerCase(), ['true', 'false']) === 'true'
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text)
  if (found !== undefined) return found
  // What a person typed by mistake; anything else could be a secret.
  const shown = /^[a-z][a-z-]{0,19}$/i.test(text) ? `: ${text}` : ''
  const near = choices.find(choice => text.toLowerCase() === choice || text.toLowerCase().startsWith(choice.slice(0, 3)))
  throw new Problem('usage', `${name}${shown} is none of ${choices.join(', ')}`, near && `did you mean ${near}?`)
}
