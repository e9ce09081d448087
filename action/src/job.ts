// The folder of one use of the Action: everything that it writes is in it, and goes with it. A second use in the job that
// joins the agent of the first one finds that one's folder; every other use has its own, whatever became of the others.

import { constants } from 'node:fs'
import { access, lstat, mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'

import { type Event, distrust } from './event.ts'
import type { Inputs } from './inputs.ts'
import { Problem, printable } from './problem.ts'
import { FILES, input } from './profile.ts'
import { type Environment, type World, variable } from './world.ts'

const PREFIX = 'daypass-action-'
/** Of a folder elsewhere, for a socket. */
export const PLACE = 'daypass-'
/** The file that holds the path of the agent's socket. */
const AGENT = 'agent'
/** The file beside a socket that is elsewhere: it holds the path of the folder. */
const FOLDER = 'folder'
/** The file that is there where the agent revokes tokens. */
const REVOKES = 'revokes'
/** What fits into the address of a unix socket (unix(7)), and what daypass adds to a name beside it. */
const MAX_SOCKET = 100

export interface Job {
  readonly folder: string
  /** The socket of the agent that an earlier use in this job has started. */
  readonly agent: string | undefined
  /** Whether that agent revokes tokens. */
  readonly revokes: boolean
}

/** Makes a folder, or finds the one of an earlier use in the same job. */
export async function openJob(world: World): Promise<Job> {
  const parent = variable(world.env, 'RUNNER_TEMP')
  if (parent === undefined) throw new Problem('action.no_runner', 'RUNNER_TEMP is not set', 'this runs in a step of GitHub Actions only')
  const socket = /^unix:(.*)$/.exec(variable(world.env, 'DAYPASS_AGENT') ?? '')?.[1]
  const others = await elsewhere(world.env)
  const parents = [parent, ...others]
  for (const folder of socket === undefined ? [] : await candidates(parents, dirname(socket))) {
    if (!basename(folder).startsWith(PREFIX) || !(await isOurs(folder))) continue
    const agent = await readFile(join(folder, AGENT), 'utf8').catch(() => undefined)
    if (agent !== socket) continue
    const revokes = await lstat(join(folder, REVOKES)).then(() => true, () => false)
    return { folder, agent, revokes }
  }
  const safe = (await isClosed(parent)) ? parent : (others[0] ?? parent)
  return { folder: await fresh(world, safe, PREFIX), agent: undefined, revokes: false }
}

/** Where a folder can be if it cannot be in the runner's: what a step says of TMPDIR need not be there, or fit. */
async function elsewhere(env: Environment): Promise<string[]> {
  const parents = [variable(env, 'TMPDIR') ?? '', '/tmp'].filter(isAbsolute)
  const may = (parent: string) => access(parent, constants.W_OK | constants.X_OK).then(() => isClosed(parent), () => false)
  const fine = await Promise.all(parents.map(may))
  return parents.filter((_, at) => fine[at])
}

/** Folders that may be the one of an earlier use: TMPDIR may be another one than it was then, so its socket names it too. */
async function candidates(parents: readonly string[], beside: string): Promise<string[]> {
  const told = (await isOurs(beside)) ? await readFile(join(beside, FOLDER), 'utf8').catch(() => beside) : beside
  return [told, ...(await Promise.all(parents.map(below))).flat()]
}

async function below(parent: string): Promise<string[]> {
  return (await readdir(parent).catch(() => [])).map(name => join(parent, name))
}

/** Whether no other user can replace what is in a folder, for which daypass looks too; a runner's umask may let a group. */
async function isClosed(folder: string): Promise<boolean> {
  let path = await realpath(folder).catch(() => '/')
  for (;;) {
    const { mode, uid } = await lstat(path)
    const open = (mode & 0o022) !== 0 && (mode & 0o1000) === 0
    if (open || (uid !== 0 && uid !== process.getuid?.())) return false
    if (path === dirname(path)) return true
    path = dirname(path)
  }
}

/** Fails for a folder that main has not made, or that is not what it was. One that is gone has nothing to be afraid of. */
export async function demandFolder(folder: string, prefix = PREFIX): Promise<void> {
  const named = isAbsolute(folder) && resolve(folder) === folder && basename(folder).startsWith(prefix)
  const found = await lstat(folder).catch(() => undefined)
  if (named && (found === undefined || (await isOurs(folder)))) return
  throw new Problem('action.no_folder', `${printable(folder)} is not as this Action made it`, 'a step of this job has changed it: nothing in it is started or removed')
}

/** A folder that nobody has foreseen, and nobody else can look into. */
async function fresh(world: World, parent: string, prefix: string): Promise<string> {
  const folder = join(parent, `${prefix}${world.random().slice(0, 8)}`)
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new Problem('action.no_folder', `${printable(folder)} cannot be made: ${error.code}`, 'may the runner write there, and is there space?')
  })
  return folder
}

/** The folder of the agent's socket: a path that no agent of another job has, and that fits into an address. */
export async function socketFolder(world: World, folder: string): Promise<string> {
  const fits = (parent: string) => Buffer.byteLength(join(parent, 'daypass-12345678', 's')) <= MAX_SOCKET
  if (Buffer.byteLength(join(folder, 's')) <= MAX_SOCKET) return folder
  const parent = (await elsewhere(world.env)).find(fits)
  return fresh(world, parent ?? '/tmp', PLACE)
}

/** Whether it is a folder of this user alone. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
}

/** For a second use in this job. */
export async function rememberAgent(folder: string, socket: string, revokes: boolean): Promise<void> {
  if (revokes) await writeFile(join(folder, REVOKES), '', { mode: 0o600 })
  if (dirname(socket) !== folder) await writeFile(join(dirname(socket), FOLDER), folder, { mode: 0o600 })
  await writeFile(join(folder, AGENT), socket, { mode: 0o600 })
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

export async function writeConfig(folder: string, profile: string, text: string): Promise<string> {
  const path = join(folder, `${profile}.toml`)
  await writeFile(path, text, { mode: 0o600 })
  return path
}

/** The absolute path of a file that decides where the secret goes, unless the change may be a stranger's. */
export async function trusted(what: string, path: string, env: Environment, event: Event): Promise<string> {
  const workspace = variable(env, 'GITHUB_WORKSPACE')
  const absolute = resolve(workspace ?? process.cwd(), path)
  const why = distrust(event)
  if (why === undefined) return absolute
  // A link out of the workspace is as much the stranger's as what it leads to is not.
  const real = (path: string) => realpath(path).catch(() => path)
  const places = [absolute, await real(absolute)]
  const roots = workspace === undefined ? [] : [workspace, await real(workspace)]
  if (roots.length > 0 && !places.some(place => roots.some(root => within(root, place)))) return absolute
  throw new Problem('config.untrusted', `${what}: ${printable(path)} is not used: ${why}`, 'say it with inputs instead, or name a file outside of the workspace')
}

/** The file of the workflow, and the files that decide whom the secret is given to, unless they may be a stranger's. */
export async function trustedConfig(inputs: Inputs, env: Environment, event: Event): Promise<string | undefined> {
  for (const key of FILES) {
    const path = inputs.keys.get(key)
    if (path !== undefined) await trusted(input(key), path, env, event)
  }
  return inputs.config && (await trusted('config', inputs.config, env, event))
}

function within(root: string, path: string): boolean {
  const way = relative(root, path)
  return !isAbsolute(way) && way !== '..' && !way.startsWith('../')
}
