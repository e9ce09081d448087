// Plays main and post in a world of files that are real and processes and network that are not, and writes down all that
// they did: what was started and asked, what the log and the runner's files say, which files are left.

import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

import { main } from '../src/main.ts'
import { post } from '../src/post.ts'
import type { Ended, Release, Start, World } from '../src/world.ts'

export const SECRET = 'p/w+Zr9%kd 1LmXyQ8'
export const TOKEN = 'tok-Wq8zr2Kd91LmXyBv7'
export const OTHER_TOKEN = 'tok-second-9183hdk2jf7'
export const BINARY = '\x7fELF the bytes of daypass'
export const NOW = new Date('2026-01-01T12:00:00Z')

export interface Scenario {
  readonly inputs?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly event?: unknown
  readonly release?: Release
  readonly host?: string
  /** Files to be there first, by name under the folder of the test. */
  readonly files?: Readonly<Record<string, string>>
  /** What daypass answers, by its verb; the usual where nothing is said. */
  readonly daypass?: Readonly<Record<string, Answer | readonly Answer[]>>
  /** What other programs answer. */
  readonly programs?: (start: Start, root: string) => Promise<Partial<Ended>>
  readonly cache?: (request: Request) => Response | Promise<Response>
  /** Folders to close to all others. */
  readonly close?: readonly string[]
  /** A folder to open to all. */
  readonly open?: string
  readonly link?: { readonly from: string; readonly to: string }
  /** A file to write down when the agent starts. */
  readonly show?: string
  /** A file to write down at the end. */
  readonly showAfter?: string
  /** Variables that a step sets between main and post. */
  readonly exports?: Readonly<Record<string, string>>
  /** Between main and post. */
  readonly between?: (root: string) => Promise<void>
  /** When post runs. */
  readonly later?: Date
  readonly post?: boolean
}

export type Answer = Partial<{ code: number; late: boolean; stdout: string | Uint8Array; stderr: string }>

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A usual job with Genesys Cloud. */
export const GENESYS = { provider: 'genesys-cloud', region: 'eu-west-1', 'client-id': 'client-1', 'client-secret': SECRET, binary: 'bin/daypass' }

export function status(changes: { profile?: string; fingerprint?: string; left?: number; issuer?: number; agent?: number } = {}): Answer {
  const { profile = 'genesys-cloud', fingerprint = '#ab12', left = 3540, issuer = 1, agent = 41 } = changes
  const token = { fingerprint, expires_at: '2026-01-01T12:59:00Z', expires_in: left, lifetime: 3600 }
  const served = { memory: 0, store: 0, agent, issuer, waited: 0 }
  return { stdout: JSON.stringify({ profiles: [{ profile, place: 'eu-west-1', token, served }] }) }
}

export function token(value = TOKEN): Answer {
  return { stdout: JSON.stringify({ access_token: value, token_type: 'Bearer', expires_at: '2026-01-01T12:59:00Z', expires_in: 3540 }) }
}

function usual(verb: string, args: readonly string[]): Answer {
  const socket = args[args.indexOf('--socket') + 1]
  switch (verb) {
    case 'agent': {
      const gateway = { url: 'http://127.0.0.1:41234', env: { DAYPASS_GATEWAY_URL: 'http://127.0.0.1:41234', GENESYSCLOUD_OAUTHCLIENT_ID: 'daypass-local-1' } }
      return { stdout: JSON.stringify({ socket, pid: 4711, profiles: ['genesys-cloud'], joined: !args.includes('--lifetime'), ...(args.includes('--gateway') ? { gateway } : {}) }) }
    }
    case 'agent --stop':
      return {}
    case 'token':
      return token()
    case 'status':
      return status({ profile: args[1] ?? '' })
    case 'revoke':
      return { stdout: JSON.stringify({ profile: 'genesys-cloud', revoked: true }) }
    case 'cache import':
      return { stdout: JSON.stringify({ profile: 'genesys-cloud', imported: true, fingerprint: '#ab12' }) }
    case 'cache export':
      return { stdout: 'sealed bytes' }
    default:
      throw new Error(`no answer for daypass ${verb}`)
  }
}

/** Runs main, and post unless it is told not to, and returns what happened. */
export async function play(scenario: Scenario): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'daypass-scenario-'))
  try {
    return (await played(scenario, root)).replaceAll(root, '$ROOT')
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function played(scenario: Scenario, root: string): Promise<string> {
  const told: string[] = []
  const counts = new Map<string, number>()
  for (const folder of ['temp', 'work', 'tools', 'runner']) await mkdir(join(root, folder))
  for (const [name, text] of Object.entries({ 'work/bin/daypass': BINARY, ...scenario.files })) {
    await mkdir(join(root, name, '..'), { recursive: true })
    await writeFile(join(root, name), text.replaceAll('$ROOT', root))
  }
  if (scenario.open !== undefined) await chmod(join(root, scenario.open), 0o777)
  for (const name of scenario.close ?? []) await chmod(join(root, name), 0o700)
  for (const name of ['random', 'old']) await chmod(join(root, `temp/daypass-action-${name}`), 0o700).catch(() => undefined)
  if (scenario.link !== undefined) await symlink(scenario.link.to, join(root, scenario.link.from))
  await writeFile(join(root, 'runner/event.json'), JSON.stringify(scenario.event ?? {}))
  const files = ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_PATH', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']
  for (const name of files) await writeFile(join(root, 'runner', name), '')
  const env: Record<string, string> = {
    PATH: '/usr/bin',
    RUNNER_TEMP: join(root, 'temp'),
    RUNNER_TOOL_CACHE: join(root, 'tools'),
    RUNNER_TRACKING_ID: 'github_1',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: join(root, 'work'),
    GITHUB_REPOSITORY: 'acme/things',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_EVENT_PATH: join(root, 'runner/event.json'),
    GITHUB_ACTION_REPOSITORY: 'acme/daypass',
    ...Object.fromEntries(files.map(name => [name, join(root, 'runner', name)])),
    ...Object.fromEntries(Object.entries(scenario.inputs ?? GENESYS).map(([name, text]) => [`INPUT_${name.toUpperCase()}`, text])),
    ...scenario.env,
  }
  for (const [name, value] of Object.entries(env)) env[name] = value.replaceAll('$ROOT', root)

  const world = (env: Record<string, string>, now: Date): World => ({
    env,
    host: scenario.host ?? 'linux-x64',
    release: scenario.release ?? { version: '1.2.3', binaries: {} },
    now: () => now,
    random: () => 'random',
    print: text => void told.push(text.trimEnd()),
    async run(start) {
      const own = start.program.endsWith('/daypass')
      const verb = verbOf(start.args)
      told.push(own ? `starts daypass ${start.args.join(' ')}` : `starts ${start.program} ${start.args.join(' ')}`)
      if (verb === 'agent' && scenario.show !== undefined) told.push(...(await readFile(join(root, scenario.show), 'utf8')).trimEnd().split('\n').map(line => `  ${line}`))
      const asked = start.env['DAYPASS_AGENT']
      if (asked !== undefined) told.push(`  DAYPASS_AGENT=${asked}`)
      if (start.input) told.push(...Buffer.from(start.input).toString().trimEnd().split('\n').map(line => `  by pipe: ${line.replace(/\0+/g, '…')}`))
      // A secret in an environment would be seen nowhere else in the snapshot.
      const seen = Object.entries(start.env).filter(([name, value]) => /^(INPUT_|STATE_|ACTIONS_)/.test(name) || value.includes(SECRET))
      for (const [name] of seen) told.push(`  LEAKED INTO THE ENVIRONMENT: ${name}`)
      // Programs find what lies where they are started.
      if (!/^(temp|before)/.test(relative(root, start.cwd))) told.push(`  LEAKED: STARTED IN ${start.cwd}`)
      const answers = scenario.daypass?.[verb]
      const number = counts.get(verb) ?? 0
      counts.set(verb, number + 1)
      const scripted = Array.isArray(answers) ? answers[Math.min(number, answers.length - 1)] : answers
      const { code = 0, late = false, stdout = '', stderr = '' } = own ? ((scripted as Answer | undefined) ?? usual(verb, start.args)) : ((await scenario.programs?.(start, root)) ?? {})
      const bytes = Buffer.from(stdout as string)
      return { code, late, stdout: Buffer.from(bytes.toString('latin1').replaceAll('$ROOT', root), 'latin1'), stderr }
    },
    async end(socket) {
      told.push(`ends who is still at ${socket}`)
      return false
    },
    async fetch(url, init) {
      const request = new Request(url, init)
      told.push(`asks ${request.method} ${url}${request.headers.has('authorization') ? ' with the runtime token' : ''}${request.redirect === 'follow' ? ' and follows' : ''}`)
      const body = await request.clone().text()
      if (body !== '') told.push(`  ${body}`)
      if (scenario.cache === undefined) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
      const answer = await scenario.cache(request)
      told.push(`  is answered ${answer.status}`)
      return answer
    },
  })

  const before = new Set(await tree(root))
  told.push('== main')
  told.push(`exit code ${await main(world(env, NOW))}`)
  const given = await entries(join(root, 'runner/GITHUB_ENV'))
  if (scenario.post !== false) {
    await scenario.between?.(root)
    told.push('== post')
    const state = (await entries(join(root, 'runner/GITHUB_STATE'))).map(([name, value]) => [`STATE_${name}`, value])
    const exported = given.map(([name, value]) => [name, value])
    const steps = Object.entries(scenario.exports ?? {}).map(([name, value]) => [name, value.replaceAll('$ROOT', root)])
    const later = { ...env, ...Object.fromEntries(exported), ...Object.fromEntries(steps), ...Object.fromEntries(state) }
    told.push(`exit code ${await post(world(later, scenario.later ?? NOW))}`)
  }
  if (scenario.showAfter !== undefined) told.push(`== ${scenario.showAfter}`, await readFile(join(root, scenario.showAfter), 'utf8'))
  for (const name of files) {
    const path = join(root, 'runner', name)
    const text = await readFile(path, 'utf8')
    if (text === '') continue
    const lines = name.endsWith('SUMMARY') || name.endsWith('PATH') ? text.trimEnd().split('\n') : (await entries(path)).map(([key, value]) => `${key}=${value}`)
    // Main says of all that it has not come so far.
    const empty = name === 'GITHUB_STATE' ? lines.findIndex(line => !line.endsWith('=')) : 0
    const first = empty < 0 ? lines.length : empty
    told.push(`== ${name}`, ...(first > 0 ? [`(${first} names, all empty)`] : []), ...lines.slice(first))
  }
  const left = (await tree(root)).filter(path => !before.has(path))
  told.push('== files left', ...(left.length > 0 ? left : ['none']))
  return told.join('\n')
}

function verbOf(args: readonly string[]): string {
  const rest = args[0] === '--config' ? args.slice(2) : args
  const [verb = '', second = ''] = rest
  if (verb === 'agent' && second === '--stop') return 'agent --stop'
  return verb === 'cache' ? `${verb} ${second}` : verb
}

async function entries(path: string): Promise<[string, string][]> {
  const text = await readFile(path, 'utf8')
  return [...text.matchAll(/^([^\n=]+)<<(\S+)\n([^]*?)\n\2$/gm)].map(([, name = '', , value = '']) => [name, value])
}

async function tree(root: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const mode = (await lstat(path)).mode & 0o777
    found.push(`${relative(root, path)} ${mode.toString(8)}`)
  }
  return found.sort()
}
