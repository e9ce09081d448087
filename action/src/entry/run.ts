// Runs a process to its end, or ends it.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { type Writable, finished } from 'node:stream'

import type { Ended, Start } from '../world.ts'

/** What a process of ours may write; more is cut off. */
const MAX_OUTPUT = 1024 * 1024
/** The longest that a timer can wait. */
const MAX_TIMEOUT = 2 ** 31 - 1
/** How long it has between SIGTERM and SIGKILL. */
const GRACE = 3000

export function run(start: Start): Promise<Ended> {
  return new Promise(resolve => {
    const never = (error: unknown) =>
      resolve({ code: -1, late: false, stdout: Buffer.alloc(0), stderr: error instanceof Error ? error.message : String(error) })
    try {
      const child = spawn(start.program, start.args, { cwd: start.cwd, env: start.env, stdio: 'pipe' })
      child.on('error', never)
      watch(child, start, resolve)
    } catch (error) {
      // Such as too long a command line.
      never(error)
    }
  })
}

function watch(child: ChildProcessWithoutNullStreams, { input, timeout }: Start, resolve: (ended: Ended) => void): void {
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)]
  let late = false
  let last: NodeJS.Timeout | undefined
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGTERM')
    last = setTimeout(() => {
      child.kill('SIGKILL')
      // A process of its own may hold them open.
      child.stdout.destroy()
      child.stderr.destroy()
    }, GRACE)
  }, Math.min(timeout, MAX_TIMEOUT))
  const done = () => {
    clearTimeout(limit)
    clearTimeout(last)
  }
  // One that could not be started has no end.
  child.on('error', done)
  child.on('close', (code, signal) => {
    done()
    const why = signal === null ? '' : `it was ended by ${signal}`
    resolve({ code: code ?? -1, late, stdout: stdout(), stderr: stderr().toString() + why })
  })
  feed(child.stdin, input)
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
