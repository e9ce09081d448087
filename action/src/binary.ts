// Finds the `daypass` to start, and never starts one whose SHA-256 is not the expected one: the bytes that were hashed
// are written to a folder of the job's own, and looked at again before each start. A process of the same user that changes
// them in between is not shut out.

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { readBody } from './body.ts'
import type { Commands } from './commands.ts'
import type { Inputs } from './inputs.ts'
import { Problem, printable } from './problem.ts'
import { type Binary, type World, variable } from './world.ts'

export interface Found {
  readonly path: string
  readonly sha256: string
  readonly from: string
}

/** What a program for Linux begins with. */
const ELF = Buffer.from('\x7fELF')
/** Much more than daypass has; a debug build fits. */
const MAX_BINARY = 512 * 1024 * 1024
const DOWNLOAD_TIMEOUT = 120_000

interface Source {
  readonly bytes: Uint8Array
  readonly from: string
}

export async function install(world: World, commands: Commands, inputs: Inputs, folder: string): Promise<Found> {
  const { bytes, from } = await (inputs.binary === undefined
    ? released(world, commands, inputs, folder)
    : given(world, inputs.binary, inputs.binarySha256))
  const hash = sha256(bytes)
  // A second use in the job: what the first one runs is not replaced.
  const there = await hashOf(join(folder, 'bin', 'daypass'))
  const bin = join(folder, there === undefined || there === hash ? 'bin' : `bin-${hash.slice(0, 8)}`)
  if (there !== hash) await place(bin, bytes)
  return { path: join(bin, 'daypass'), sha256: hash, from }
}

/** Fails when a file is not what it was. */
export async function verify(found: Pick<Found, 'path' | 'sha256'>): Promise<void> {
  const actual = await hashOf(found.path)
  if (actual !== found.sha256) {
    const what = actual === undefined ? 'is gone' : `has the SHA-256 ${actual}, not ${found.sha256}`
    throw new Problem('action.binary_changed', `the daypass of this job ${what}`, 'a step of this job has changed it: it is not started again')
  }
}

async function hashOf(path: string): Promise<string | undefined> {
  const bytes = await readBinary(path).catch(() => undefined)
  return bytes && sha256(bytes)
}

/** A file's bytes; undefined for what is none, such as a pipe that nobody writes to. */
async function readBinary(path: string): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    return found.isFile() && found.size <= MAX_BINARY ? await file.readFile() : undefined
  } finally {
    await file.close()
  }
}

async function given(world: World, path: string, expected: string | undefined): Promise<Source> {
  const bytes = await readBinary(path).catch(() => {
    throw new Problem('action.no_binary', `binary: ${printable(path)} cannot be read`, 'is it there before this step? A relative path starts at the workspace')
  })
  if (bytes === undefined) throw new Problem('action.no_binary', `binary: ${printable(path)} is no program`, 'name the file itself')
  if (expected !== undefined) demand(bytes, expected, `binary: ${printable(path)}`)
  // A shell would run what is no program of the kernel's, line by line.
  if (world.host.startsWith('linux-') && !bytes.subarray(0, 4).equals(ELF)) {
    throw new Problem('action.no_binary', `binary: ${printable(path)} is no program for Linux`, 'it names the file of daypass itself, not a folder or a script around it')
  }
  return { bytes, from: printable(path) }
}

async function released(world: World, commands: Commands, inputs: Inputs, folder: string): Promise<Source> {
  const { version, binaries } = world.release
  const binary = binaries[world.host]
  if (binary === undefined) {
    throw new Problem(
      'action.no_binary',
      `this copy of the Action knows no daypass ${version} for ${world.host}`,
      'name one with binary:, built by cargo build --release -p daypass-cli',
    )
  }
  const cached = toolCache(world, version)
  const bytes = cached === undefined ? undefined : await readBinary(cached).catch(() => undefined)
  if (cached !== undefined && bytes !== undefined) {
    if (sha256(bytes) === binary.sha256) return { bytes, from: 'tool cache' }
    commands.warning(new Problem('action.binary_mismatch', `the daypass in the tool cache is not the one of ${version}: another one is fetched`))
  }
  const fresh = await fetched(world, commands, inputs, folder, binary)
  if (cached !== undefined) {
    // Only saves time in the next job.
    await place(join(cached, '..'), fresh.bytes).then(() => writeFile(`${join(cached, '..')}.complete`, ''), () => undefined)
  }
  return fresh
}

async function fetched(world: World, commands: Commands, inputs: Inputs, folder: string, binary: Binary): Promise<Source> {
  if (inputs.install === 'pip') return pip(world, folder, binary)
  try {
    return await download(world, binary)
  } catch (error) {
    // A wrong file is no reason to look for one that fits.
    if (inputs.install === 'release' || Problem.of(error).code === 'action.binary_mismatch') throw error
    commands.warning(Problem.of(error))
    return pip(world, folder, binary)
  }
}

async function download(world: World, binary: Binary): Promise<Source> {
  const server = variable(world.env, 'GITHUB_SERVER_URL') ?? 'https://github.com'
  const repository = variable(world.env, 'GITHUB_ACTION_REPOSITORY')
  const failed = (why: string) =>
    new Problem('action.download_failed', `${binary.asset} cannot be downloaded: ${why}`, 'without a way to the release use install: pip, or binary:')
  if (repository === undefined) throw failed('the runner does not say where this Action comes from')
  const url = `${server}/${repository}/releases/download/v${world.release.version}/${binary.asset}`
  let bytes: Uint8Array | undefined
  try {
    const answer = await world.fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT) })
    if (!answer.ok) {
      await answer.body?.cancel()
      throw new Error(`the server answered ${answer.status}`)
    }
    bytes = await readBody(answer, MAX_BINARY)
  } catch (error) {
    throw failed(printable(`${reason(error)} (${url})`))
  }
  if (bytes === undefined) throw failed('it does not end')
  demand(bytes, binary.sha256, binary.asset)
  return { bytes, from: 'release' }
}

/** Node hides behind "fetch failed" what failed. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause: unknown = error.cause
  return cause instanceof Error ? `${error.message}: ${cause.message || cause.name}` : error.message
}

async function pip(world: World, folder: string, binary: Binary): Promise<Source> {
  const target = join(folder, 'pip')
  const list = join(folder, 'requirements.txt')
  const hashes = binary.wheels.map(hash => ` --hash=sha256:${hash}`).join('')
  await writeFile(list, `daypass==${world.release.version}${hashes}\n`, { mode: 0o600 })
  // Isolated: neither a file of the workspace nor a variable of a step says what is imported.
  const args = ['-I', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--require-hashes']
  try {
    const program = 'python3'
    const env = withoutInputs(world.env)
    const ended = await world.run({ program, args: [...args, '--target', target, '-r', list], cwd: folder, env, timeout: DOWNLOAD_TIMEOUT })
    if (ended.late) {
      throw new Problem('action.no_end', 'pip did not end in time: it was ended', 'is the package index reachable? Or name a daypass with binary:')
    }
    if (ended.code !== 0) {
      const last = printable(ended.stderr.trim().split('\n').at(-1) ?? '')
      throw new Problem('action.download_failed', `pip cannot install daypass: ${last}`, 'name a daypass with binary:')
    }
    const bytes = await readBinary(join(target, 'bin', 'daypass')).catch(() => undefined)
    if (bytes === undefined) throw new Problem('action.binary_mismatch', 'the wheel holds no daypass', 'name one with binary:')
    demand(bytes, binary.sha256, 'the daypass that pip installed')
    return { bytes, from: 'pip' }
  } finally {
    await Promise.all([rm(target, { recursive: true, force: true }), rm(list, { force: true })])
  }
}

function demand(bytes: Uint8Array, expected: string, what: string): void {
  const actual = sha256(bytes)
  if (actual === expected) return
  throw new Problem('action.binary_mismatch', `${what} has the SHA-256 ${actual}, not ${expected}`, 'it is not started. Was it changed, or is it of another version?')
}

/** Into a new file, then over the old one: a daypass that runs keeps its own. */
async function place(folder: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const fresh = join(folder, `.daypass-${process.pid}`)
  await rm(fresh, { force: true })
  await writeFile(fresh, bytes, { mode: 0o700, flag: 'wx' })
  await chmod(fresh, 0o755)
  await rename(fresh, join(folder, 'daypass'))
}

function toolCache(world: World, version: string): string | undefined {
  const root = variable(world.env, 'RUNNER_TOOL_CACHE')
  const [, architecture] = world.host.split('-')
  return root && join(root, 'daypass', version, architecture ?? 'x64', 'daypass')
}

/** The environment for a process of ours: without the inputs, and without what only this Action is given. */
export function withoutInputs(env: World['env']): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !/^(INPUT_|STATE_|ACTIONS_|GITHUB_TOKEN$)/.test(name))
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
