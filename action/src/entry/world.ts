// The real world: this process, its runner and its network.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readlink } from 'node:fs/promises'
import http from 'node:http'
import { type Writable, finished } from 'node:stream'

import release from '../release.json' with { type: 'json' }
import type { Ended, Start, World } from '../world.ts'

/** What a process of ours may write; more is cut off. */
const MAX_OUTPUT = 1024 * 1024

export function realWorld(): World {
  // `fetch` knows no proxy by itself, and not every Node has this.
  if (process.env['NODE_USE_ENV_PROXY'] === undefined) http.setGlobalProxyFromEnv?.(process.env as Record<string, string>)
  return {
    env: process.env,
    host: `${process.platform}-${process.arch}`,
    release,
    now: () => new Date(),
    random: randomUUID,
    print: text => void process.stdout.write(text),
    run,
    end,
    fetch,
  }
}

/** Runs one of the entries to its end. */
export function enter(entry: (world: World) => Promise<number>): void {
  void entry(realWorld()).then(code => {
    process.exitCode = code
  })
}

function run({ program, args, env, input, timeout }: Start): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(program, args, { env, timeout, stdio: 'pipe' })
    const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)]
    const end = (code: number, why = '') => resolve({ code, stdout: stdout(), stderr: stderr().toString() + why })
    child.on('error', error => end(-1, error.message))
    child.on('close', (code, signal) => end(code ?? -1, signal === null ? '' : `it was ended by ${signal}`))
    feed(child.stdin, input)
  })
}

function feed(to: Writable, what: Uint8Array | undefined): void {
  // A process that ended without reading says by its exit code what is wrong.
  finished(to, () => undefined)
  to.end(what)
}

function collected(from: NodeJS.ReadableStream): () => Buffer {
  const parts: Buffer[] = []
  let length = 0
  from.on('data', (part: Buffer) => {
    length += part.length
    if (length <= MAX_OUTPUT) parts.push(part)
  })
  return () => Buffer.concat(parts)
}

async function end(pid: number, program: string): Promise<void> {
  const runs = await readlink(`/proc/${pid}/exe`).catch(() => '')
  // The kernel adds this to a file that was replaced.
  if (runs.replace(/ \(deleted\)$/, '') === program) process.kill(pid, 'SIGTERM')
}
