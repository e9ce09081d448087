// Main and post as processes of a user who is not root, as on a runner: root reads of other processes what their own user
// cannot. The runner is played here; where the test is root, it lends them another user.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'

import { Bench, DAYPASS } from './bench.ts'

const USER = process.getuid?.() === 0 ? { uid: 12345, gid: 12345 } : {}
const FILES = ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_PATH', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY']

let bench: Bench
before(async () => {
  bench = new Bench()
  await bench.sandbox()
  // Where the user can read them.
  chmodSync(bench.root, 0o755)
  copyFileSync(DAYPASS, join(bench.root, 'daypass'))
  copyFileSync(process.execPath, join(bench.root, 'node'))
  cpSync(join(import.meta.dirname, '../../dist'), join(bench.root, 'dist'), { recursive: true })
})
after(() => bench.end())

let jobs = 0

class Job {
  readonly root = join(bench.root, `job-${(jobs += 1)}`)
  readonly temporary = join(this.root, 'temporary')
  readonly env: Record<string, string>
  readonly inputs: Record<string, string>

  constructor(more: Readonly<Record<string, string>> = {}) {
    const inputs = { 'token-url': `${bench.url}/oauth/token`, 'client-id': 'sandbox', 'client-secret': 'sandbox-secret', binary: join(bench.root, 'daypass'), ...more }
    this.inputs = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))
    for (const folder of ['', 'temporary', 'work', 'runner']) mkdirSync(join(this.root, folder))
    const files = Object.fromEntries(FILES.map(name => [name, join(this.root, 'runner', name)]))
    for (const path of Object.values(files)) writeFileSync(path, '')
    const owned = [this.root, ...['temporary', 'work', 'runner'].map(name => join(this.root, name)), ...Object.values(files)]
    if (USER.uid !== undefined) for (const path of owned) chownSync(path, USER.uid, USER.gid)
    this.env = {
      PATH: process.env['PATH'] ?? '',
      HOME: this.root,
      GITHUB_ACTIONS: 'true',
      GITHUB_EVENT_NAME: 'push',
      GITHUB_REPOSITORY: 'acme/things',
      GITHUB_WORKSPACE: join(this.root, 'work'),
      RUNNER_TEMP: this.temporary,
      ...files,
    }
  }

  /** Returns the exit code and the log. */
  run(program: string, args: string[], env: Readonly<Record<string, string>> = {}): Promise<[number | null, string]> {
    const child = spawn(program, args, { ...USER, cwd: join(this.root, 'work'), env: { ...this.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', part => void (log += part))
    return new Promise(resolve => child.on('close', code => resolve([code, log])))
  }

  main(env: Readonly<Record<string, string>> = {}): Promise<[number | null, string]> {
    return this.run(join(bench.root, 'node'), [join(bench.root, 'dist/main.cjs')], { ...this.inputs, ...env })
  }

  post(env: Readonly<Record<string, string>> = {}): Promise<[number | null, string]> {
    const state = Object.entries(this.state()).map(([name, value]) => [`STATE_${name}`, value])
    return this.run(join(bench.root, 'node'), [join(bench.root, 'dist/post.cjs')], { ...this.inputs, ...Object.fromEntries(state), ...env })
  }

  state(): Record<string, string> {
    const text = readFileSync(join(this.root, 'runner/GITHUB_STATE'), 'utf8')
    return Object.fromEntries([...text.matchAll(/^([^\n=]+)<<(\S+)\n([^]*?)\n\2$/gm)].map(([, name = '', , value = '']) => [name, value]))
  }

  agents(): string[] {
    return bench.processes().filter(line => line.includes('--socket') && line.includes(this.root))
  }
}

const SOCKET = '"$(echo "$RUNNER_TEMP"/daypass-action-*/s)"'
const harm: Readonly<Record<string, string>> = {
  'puts another daypass in its place': 'printf "#!/bin/sh\\nexit 0\\n" > new; chmod +x new; mv new "$RUNNER_TEMP"/daypass-action-*/bin/daypass',
  'removes the folder': 'rm -r "$RUNNER_TEMP"/*',
  'takes the right to run it': 'chmod 0600 "$RUNNER_TEMP"/daypass-action-*/bin/daypass',
  'puts a file in place of the socket': `S=${SOCKET}; rm "$S"; echo x > "$S"`,
  'removes the socket': `rm ${SOCKET}`,
  'stops the process': `pkill -STOP -f "socket $(echo ${SOCKET})"`,
}

test('a job of a user who is not root leaves no agent, whatever a step does', async () => {
  for (const [what, script] of Object.entries(harm)) {
    const job = new Job()
    const [code, log] = await job.main()
    assert.equal(code, 0, log)
    assert.equal(job.agents().length, 1, what)
    const [stepped, told] = await job.run('sh', ['-ec', script])
    assert.equal(stepped, 0, `${what}: ${told}`)
    const [, last] = await job.post()
    assert.deepEqual(job.agents(), [], `a step ${what}: ${last}`)
    assert.deepEqual(readdirSync(job.temporary), [], what)
  }
})

test('a use that fails leaves no agent to the steps that follow, nor one that cannot tell of it', async () => {
  for (const env of [{ 'INPUT_CLIENT-SECRET': 'wrong' }, { GITHUB_ENV: '/dev/full' }, { GITHUB_STEP_SUMMARY: '/dev/full' }]) {
    const job = new Job()
    const [code, log] = await job.main(env)
    const fails = !('GITHUB_STEP_SUMMARY' in env)
    assert.equal(code, fails ? 1 : 0, log)
    assert.equal(job.agents().length, fails ? 0 : 1, log)
    const [ended, last] = await job.post(env)
    assert.equal(ended, 0, last)
    assert.deepEqual(job.agents(), [], last)
    assert.deepEqual(readdirSync(job.temporary), [], last)
  }
})

test('a runner whose umask lets its group write has the files elsewhere', async () => {
  const [first, second] = [new Job(), new Job({ profile: 'second' })]
  chmodSync(first.temporary, 0o775)
  const [code, log] = await first.main()
  assert.equal(code, 0, log)
  const { folder = '', agent = '' } = first.state()
  assert.notEqual(join(folder, '..'), first.temporary)
  // Another use in the same job finds it there.
  const joins = { RUNNER_TEMP: first.temporary, DAYPASS_AGENT: agent }
  const [joined, told] = await second.main(joins)
  assert.equal(joined, 0, told)
  assert.deepEqual([second.state()['first'], second.state()['folder']], ['false', folder])
  await second.post(joins)
  assert.ok(existsSync(folder))
  const [, last] = await first.post()
  assert.deepEqual(bench.processes().filter(line => line.includes(folder)), [], last)
  assert.ok(!existsSync(folder), last)
})

test('a proxy that cannot be read is told without its password, and only where it is needed', async () => {
  const env = { HTTPS_PROXY: 'http://user:PASSWORD@[::1' }
  const cached = { ...env, INPUT_SHARE: 'cache', 'INPUT_CACHE-KEY': 'Zk3vT9xQm1LcPq8wRb5YhN7u', ACTIONS_CACHE_URL: 'http://127.0.0.1:1/' }
  for (const [job, more] of [[new Job(), { HTTPS_PROXY: '127.0.0.1:9' }], [new Job(), cached]] as const) {
    const ran = [await job.main(more), await job.post(more)]
    for (const [, log] of ran) assert.ok(!log.includes('PASSWORD') && !log.includes('node:'), log)
    assert.deepEqual(ran.map(([code]) => code), [0, 0], ran.join('\n'))
    assert.equal(/cannot be read: HTTPS_PROXY or HTTP_PROXY is no address/.test(ran.join('\n')), more === cached)
    assert.deepEqual(job.agents(), [])
  }
})
