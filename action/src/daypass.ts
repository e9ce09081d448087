// The `daypass` command: its file is checked before every start, secrets go to it by a pipe, and its errors become ours.

import { dirname } from 'node:path'

import { type Found, verify } from './binary.ts'
import type { Commands } from './commands.ts'
import { Problem, printable } from './problem.ts'
import { span } from './summary.ts'
import type { World } from './world.ts'

export interface Ask {
  readonly args: readonly string[]
  /** Lines NAME=VALUE for `--secrets-fd`: by stdin, since what Node gives a child for another pipe is a socket. */
  readonly secrets?: string
  readonly input?: Uint8Array
  readonly env?: Readonly<Record<string, string>>
  /** The seconds that it was told to wait. */
  readonly wait?: number
}

/** Longer than daypass waits for anything by itself, in seconds. */
const PATIENCE = 120
/** What it may take beyond what it was told to wait. */
const GRACE = 30

export class Daypass {
  readonly #world: World
  readonly #commands: Commands
  readonly #found: Pick<Found, 'path' | 'sha256'>
  readonly #env: Readonly<Record<string, string>>

  constructor(world: World, commands: Commands, found: Pick<Found, 'path' | 'sha256'>, env: Readonly<Record<string, string>>) {
    this.#world = world
    this.#commands = commands
    this.#found = found
    this.#env = env
  }

  /** Runs it and returns what it wrote to stdout; what it told on stderr goes to the log. */
  async ask({ args, secrets, input, env, wait }: Ask): Promise<Buffer> {
    await verify(this.#found)
    const limit = wait === undefined ? PATIENCE : wait + GRACE
    const ended = await this.#world.run({
      program: this.#found.path,
      args: [...args, ...(secrets === undefined ? [] : ['--secrets-fd', '0'])],
      cwd: dirname(this.#found.path),
      env: { ...this.#env, ...env },
      timeout: limit * 1000,
      // An empty line ends the secrets; what follows is for the verb.
      ...(secrets === undefined ? {} : { input: Buffer.concat([Buffer.from(`${secrets}\n`), input ?? Buffer.alloc(0)]) }),
    })
    const told = ended.stderr.split('\n')
    // Masks first: they are commands to the runner, and concern what follows.
    told.filter(line => line.startsWith('::add-mask::')).forEach(line => this.#world.print(`${line}\n`))
    const error = told.map(problem).find(error => error !== undefined)
    for (const line of told) this.#tell(line)
    if (ended.late) {
      throw new Problem('action.no_end', `daypass did not end within ${span(limit)}: it was ended`, 'is the machine overloaded? daypass itself gives up earlier')
    }
    if (ended.code !== 0) throw error ?? ownFault(ended.code, ended.stderr)
    return Buffer.from(ended.stdout)
  }

  async json(ask: Ask): Promise<Record<string, unknown>> {
    const bytes = await this.ask(ask)
    try {
      const value: unknown = JSON.parse(bytes.toString())
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
    } catch {
      // Told below.
    }
    throw new Problem('action.internal', 'daypass answered something else than JSON', 'are the Action and binary: of one version?')
  }

  #tell(line: string): void {
    const warning = /^daypass: warning: (.*)$/.exec(line)?.[1]
    if (warning !== undefined) this.#commands.warning(new Problem('warning', printable(warning)))
    else if (line.startsWith('daypass: ')) this.#commands.info(printable(line))
  }
}

/** An error as daypass tells it, in JSON or as text. */
function problem(line: string, at: number, lines: readonly string[]): Problem | undefined {
  const [, code, message] = /^error\[([a-z_.]+)\]: (.*)$/.exec(line) ?? []
  if (code !== undefined && message !== undefined) {
    const hint = /^\s+hint: (.*)$/.exec(lines[at + 1] ?? '')?.[1]
    return new Problem(code, printable(message), hint && printable(hint))
  }
  if (!line.startsWith('{"error":')) return undefined
  try {
    const { error } = JSON.parse(line) as { error: { code?: unknown; message?: unknown; hint?: unknown } }
    const hint = typeof error.hint === 'string' ? printable(error.hint) : undefined
    return new Problem(printable(String(error.code)), printable(String(error.message)), hint)
  } catch {
    return undefined
  }
}

function ownFault(code: number, stderr: string): Problem {
  const last = printable(stderr.trim().split('\n').at(-1) ?? '')
  if (code === -1) return new Problem('action.no_start', `daypass could not be run: ${last}`, 'is it for this platform, and is the folder mounted without noexec?')
  return new Problem('action.internal', `daypass ended with ${code}: ${last}`, 'are the Action and binary: of one version?')
}
