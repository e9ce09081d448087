// The folder of this job: everything that the Action writes is in it, and goes with it.

import { lstat, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'

import { type Event, distrust } from './event.ts'
import { Problem, printable } from './problem.ts'
import { type Environment, variable } from './world.ts'

/** The file that holds the path of the agent's socket. */
const AGENT = 'agent'

export interface Job {
  readonly folder: string
  /** The socket of the agent that an earlier use in this job has started. */
  readonly agent: string | undefined
}

/** Makes the folder, or finds the one of an earlier use in the same job. */
export async function openJob(env: Environment): Promise<Job> {
  const parent = variable(env, 'RUNNER_TEMP')
  if (parent === undefined) throw new Problem('action.no_runner', 'RUNNER_TEMP is not set', 'this runs in a step of GitHub Actions only')
  const folder = join(parent, 'daypass-action')
  const socket = /^unix:(.*)$/.exec(variable(env, 'DAYPASS_AGENT') ?? '')?.[1]
  if (await isOurs(folder)) {
    const agent = await readFile(join(folder, AGENT), 'utf8').catch(() => undefined)
    if (agent !== undefined && agent === socket) return { folder, agent }
    // A job that was killed on this runner has left it.
    await removeFolder(folder)
  }
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new Problem('action.no_folder', `${printable(folder)} cannot be made: ${error.code}`)
  })
  return { folder, agent: undefined }
}

/** Whether it is there; an error where it is somebody else's. */
async function isOurs(folder: string): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  if (found === undefined) return false
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return true
  throw new Problem('action.no_folder', `${printable(folder)} is not ours alone`, 'something else made it: remove it')
}

/** For a second use in this job. */
export async function rememberAgent(folder: string, socket: string): Promise<void> {
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

function within(root: string, path: string): boolean {
  const way = relative(root, path)
  return !isAbsolute(way) && way !== '..' && !way.startsWith('../')
}
