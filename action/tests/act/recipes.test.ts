// Every recipe of docs/ci runs: those for GitHub as whole workflows under act, the shell of the others as their system
// would run it. What is replaced: where the issuer is, which daypass, and the programs that a recipe is about.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'

import { parse, parseAllDocuments, stringify } from 'yaml'

import { Bench, DAYPASS } from './bench.ts'

const DOCS = join(import.meta.dirname, '../../../docs/ci')
const read = (path: string) => readFileSync(join(DOCS, path), 'utf8')

type Step = { uses?: string; with?: Record<string, string> }
type Job = { steps?: Step[]; container?: unknown; 'runs-on'?: unknown; uses?: string; with?: Record<string, string> }

let bench: Bench
before(() => {
  bench = new Bench()
  const bin = join(bench.root, 'bin')
  mkdirSync(bin)
  symlinkSync(DAYPASS, join(bin, 'daypass'))
  script(join(bin, 'terraform'), '[ "$GENESYSCLOUD_REGION" = eu-west-1 ]; echo "terraform $1 runs"; [ "$1" = init ] || call "$GENESYSCLOUD_ACCESS_TOKEN"')
  script(join(bin, 'docker'), 'f=${3#*src=}; [ "$2 ${3%%,*}" = "--secret id=token" ]; [ "$(stat -c %a "$f")" = 600 ]; call "$(cat "$f")"')
  for (const name of ['deploy', 'test', 'sync', 'report']) script(join(bench.repository, `${name}.sh`), `call "$GENESYSCLOUD_ACCESS_TOKEN"; echo ${name} has run`)
  script(join(bench.repository, 'check.sh'), 'call "${1:-$GENESYSCLOUD_ACCESS_TOKEN}"; echo check has run')
  script(join(bench.repository, 'copy.sh'), 'call "$FROM_TOKEN"; call "$TO_TOKEN"; echo copy has run')
})
after(() => bench.end())

function script(path: string, text: string): void {
  writeFileSync(path, `#!/usr/bin/env bash\nset -eu\ncall() { curl -sf -o /dev/null -H "Authorization: Bearer $1" "$(cat ${bench.root}/url)/api/v2/users"; }\n${text}\n`)
  chmodSync(path, 0o755)
}

async function genesys(lifetime: string): Promise<void> {
  await bench.sandbox('--flavour', 'genesys', '--lifetime', lifetime)
  writeFileSync(join(bench.root, 'url'), bench.url)
}

/** The step, with our Action for the released one. */
function ours(step: Step): Step {
  if (!step.uses?.startsWith('OWNER/daypass/action@')) return step
  const shared = step.with?.['share'] === 'cache' ? { 'cache-key': '${{ secrets.CACHE_KEY }}' } : {}
  const here = { 'token-url': `${bench.url}/oauth/token`, 'api-url': bench.url, binary: DAYPASS, 'client-id': 'sandbox' }
  // What a caller passes on is passed on here too.
  const secret = step.with?.['client-secret']?.replace(/secrets\.[A-Z_]+/, 'secrets.CLIENT_SECRET') ?? ''
  return { ...step, uses: './action', with: { ...step.with, ...here, ...shared, 'client-secret': secret } }
}

function local(text: string): string {
  const workflow = parse(text) as { on: unknown; jobs: Record<string, Job> }
  const reusable = text.includes('workflow_call:')
  for (const job of Object.values(workflow.jobs)) {
    delete job.container
    if (job.uses === undefined) job['runs-on'] = 'ubuntu-latest'
    // act wants a checkout where an action of the repository is used.
    const bare = job.steps !== undefined && !job.steps.some(step => step.uses?.startsWith('actions/checkout@'))
    if (job.steps !== undefined) job.steps = [...(bare ? [{ uses: 'actions/checkout@v5' }] : []), ...job.steps.map(ours)]
  }
  const renamed = stringify({ ...workflow, ...(reusable ? {} : { on: 'push' }) })
  return renamed.replaceAll('secrets.GC_CLIENT_SECRET', 'secrets.CLIENT_SECRET')
}

function run(name: string) {
  const secrets = { CACHE_KEY: 'Zk3vT9xQm1LcPq8wRb5YhN7u' }
  return bench.run(local(read(`github/${name}`)), { secrets, path: join(bench.root, 'bin') })
}

const EXPECTED: Record<string, { requests: number; has: RegExp[] }> = {
  'job.yml': { requests: 1, has: [/deploy has run/, /check has run/] },
  'matrix.yml': { requests: 1, has: [/test has run/] },
  'reusable-caller.yml': { requests: 1, has: [/deploy has run/] },
  'composite.yml': { requests: 1, has: [/deploy has run/, /check has run/] },
  'container.yml': { requests: 1, has: [/deploy has run/] },
  'self-hosted.yml': { requests: 1, has: [/deploy has run/] },
  'docker-build.yml': { requests: 1, has: [] },
  'schedule.yml': { requests: 1, has: [/sync has run/] },
  // Here it is the same client, so that both names have one token.
  'two-orgs.yml': { requests: 1, has: [/copy has run/] },
  'terraform.yml': { requests: 1, has: [/terraform plan runs/, /terraform apply runs/] },
}

test('every workflow is run', () => {
  const there = readdirSync(join(DOCS, 'github')).filter(name => name.endsWith('.yml') && name !== 'reusable.yml')
  assert.deepEqual(there.sort(), Object.keys(EXPECTED).sort())
})

for (const [name, { requests, has }] of Object.entries(EXPECTED)) {
  test(`github: ${name}`, async () => {
    // No two recipes share a token through the cache.
    await genesys('3h')
    writeFileSync(join(bench.repository, '.github/workflows/reusable.yml'), local(read('github/reusable.yml')))
    const composite = parse(read('github/composite/action.yml')) as { runs: { steps: Step[] } }
    composite.runs.steps = composite.runs.steps.map(ours)
    mkdirSync(join(bench.repository, '.github/actions/deploy'), { recursive: true })
    writeFileSync(join(bench.repository, '.github/actions/deploy/action.yml'), stringify(composite))
    const { code, log } = await run(name)
    assert.equal(code, 0, log)
    for (const pattern of has) assert.match(log, pattern)
    assert.equal(await bench.tokenRequests(), requests, log)
    assert.deepEqual(bench.processes(), [])
  })
}

test('an apply that the token would not outlive is not started', async () => {
  await genesys('1h')
  const { code, log } = await run('terraform.yml')
  assert.notEqual(code, 0)
  assert.match(log, /terraform plan runs/)
  assert.doesNotMatch(log, /terraform apply runs/)
  assert.match(log, /token\.min_ttl/)
})

/** A shell as a CI system starts it, with the variables of a project. */
function shell(text: string, env: Record<string, string> = {}, [program, ...flags]: [string, ...string[]] = ['bash', '-eo', 'pipefail']): string {
  const config = join(bench.root, 'sandbox.toml')
  const profile = `[profile.genesys-cloud]\nprovider = "genesys-cloud"\nregion = "eu-west-1"\ntoken_url = "${bench.url}/oauth/token"\napi_url = "${bench.url}"\n`
  writeFileSync(config, `${profile}client_id = { env = "GC_CLIENT_ID" }\nclient_secret = { env = "GC_CLIENT_SECRET" }\n`)
  mkdirSync(join(bench.root, 'run'), { recursive: true, mode: 0o700 })
  const own = { GC_CLIENT_ID: 'sandbox', GC_CLIENT_SECRET: 'sandbox-secret', GC_REGION: 'eu-west-1', DAYPASS_CONFIG: config }
  const all = { PATH: `${bench.root}/bin:${process.env['PATH']}`, HOME: bench.home, XDG_RUNTIME_DIR: join(bench.root, 'run'), CI: 'true', ...own, ...env }
  const ended = spawnSync(program, [...flags, '-c', text], { env: all, cwd: bench.repository, encoding: 'utf8' })
  assert.equal(ended.status, 0, `${text}\n${ended.stdout}\n${ended.stderr}`)
  return ended.stdout + ended.stderr
}

const ended = () => assert.deepEqual(bench.processes(), [])

test('gitlab: the file to include', async () => {
  await genesys('1h')
  const included = parse(read('gitlab/daypass.gitlab-ci.yml')) as Record<string, Record<string, string[]>>
  const example = parse(read('gitlab/example.gitlab-ci.yml')) as Record<string, { script: string[] }>
  const { before_script = [], after_script = [] } = included['.daypass'] ?? {}
  const script = example['deploy']?.script ?? []
  const [one, two] = [7, 8].map(n => ({ CI_JOB_ID: `${process.pid}${n}` }))
  // Two jobs of one user on one machine: the end of one is not that of the other.
  const told = shell([...before_script, 'test -z "${GC_CLIENT_SECRET-}"', 'other', ...script].join('\n').replace('other', `(export CI_JOB_ID=${two?.CI_JOB_ID} GC_CLIENT_SECRET=sandbox-secret; unset DAYPASS_AGENT; ${[...before_script, ...after_script].join('; ')})`), one)
  assert.match(told, /deploy has run[^]*check has run/)
  shell(after_script.join('\n'), one)
  assert.deepEqual(readdirSync('/tmp').filter(name => name.startsWith(`daypass-${process.pid}`)), [])
  assert.equal(await bench.tokenRequests(), 1)
  ended()
})

test('circleci: a job', async () => {
  await genesys('1h')
  const config = parse(read('circleci/config.yml')) as { jobs: { deploy: { steps: (string | { run: { command: string } })[] } } }
  const steps = config.jobs.deploy.steps.flatMap(step => (typeof step === 'string' ? [] : [step.run.command]))
  writeFileSync(join(bench.root, 'bash-env'), '')
  const told = steps.map(command => shell(command, { BASH_ENV: join(bench.root, 'bash-env') })).join('')
  assert.match(told, /deploy has run[^]*check has run/)
  assert.equal(await bench.tokenRequests(), 1)
  ended()
})

test('azure pipelines: a job', async () => {
  await genesys('1h')
  const pipeline = parse(read('azure/azure-pipelines.yml')) as { variables: Record<string, string>; steps: { bash: string; env?: object }[] }
  const temporary = join(bench.root, 'azure')
  mkdirSync(temporary)
  const put = (text: string) => text.replaceAll('$(Agent.TempDirectory)', temporary)
  const variables: Record<string, string> = Object.fromEntries(Object.entries(pipeline.variables).map(([name, value]) => [name, put(value)]))
  let all = ''
  for (const { bash, env } of pipeline.steps) {
    const told = shell(put(bash), { ...variables, ...(env === undefined ? { GC_CLIENT_SECRET: '' } : {}) })
    for (const [, name = '', value = ''] of told.matchAll(/^##vso\[task\.setvariable variable=(\w+)\](.*)$/gm)) variables[name] = value
    all += told
  }
  assert.match(all, /deploy has run[^]*check has run/)
  assert.equal(await bench.tokenRequests(), 1)
  ended()
})

test('jenkins: the stages', async () => {
  await genesys('1h')
  const file = read('jenkins/Jenkinsfile')
  const lines = [...file.matchAll(/\bsh '''([^]*?)'''|\bsh '(.*)'/g)].map(([, block, line]) => block ?? line ?? '')
  assert.equal(lines.length, 5)
  const workspace = join(bench.root, 'jenkins@tmp')
  const socket = `${workspace}/daypass/agent.sock`
  const env = { WORKSPACE_TMP: workspace, SOCKET: socket }
  const after = { ...env, DAYPASS_AGENT: `unix:${socket}`, GC_CLIENT_SECRET: '' }
  // A second build on the same workspace; the first one was killed.
  for (const build of [lines.slice(0, 1), lines]) {
    let token = ''
    const told = build.map((line, at) => {
      const said = shell(line, at === 0 ? env : after, ['sh', '-xe'])
      if (at === 0) token = shell('daypass token', after).trim()
      return said
    }).join('')
    if (build === lines) assert.match(told, /deploy has run[^]*check has run/)
    assert.ok(token.length > 20 && !told.includes(token), 'the token is in the log')
    if (build !== lines) process.kill((JSON.parse(shell('daypass status --json', after)) as { agent: { pid: number } }).agent.pid, 'SIGKILL')
  }
  assert.deepEqual(readdirSync(workspace), [])
  assert.equal(await bench.tokenRequests(), 2, 'one a build')
  ended()
})

test('cron: two jobs of one user share a token, and say nothing', async () => {
  await genesys('1h')
  const text = read('cron/crontab')
  const sample = text.split('\n').filter(line => line.startsWith('#   ')).map(line => line.slice(4)).join('\n')
  const folder = join(bench.home, '.config/daypass')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const id = /client_id = "(.*)"/.exec(sample)?.[1] ?? ''
  writeFileSync(join(folder, 'daypass.toml'), `${sample.replace(id, 'sandbox')}\ntoken_url = "${bench.url}/oauth/token"\napi_url = "${bench.url}"\n`, { mode: 0o600 })
  writeFileSync(join(folder, 'secret'), 'sandbox-secret\n', { mode: 0o600 })
  mkdirSync(join(bench.home, 'bin'))
  for (const name of ['sync', 'report']) symlinkSync(join(bench.repository, `${name}.sh`), join(bench.home, 'bin', `${name}.sh`))
  const jobs = text.split('\n').filter(line => /^[*\d]/.test(line)).map(line => line.split(' ').slice(5).join(' '))
  assert.equal(jobs.length, 2)
  for (const job of jobs) {
    const env = { PATH: `${bench.root}/bin:/usr/bin:/bin`, HOME: bench.home }
    const told = execFileSync('/bin/sh', ['-c', job], { env, cwd: bench.home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    assert.match(told, /^(sync|report) has run\n$/)
  }
  assert.equal(await bench.tokenRequests(), 1)
  rmSync(folder, { recursive: true })
})

test('kubernetes: the command of the container', async () => {
  await genesys('1h')
  type Container = { command: string[]; env: { name: string; value: string }[] }
  const [map, cron] = parseAllDocuments(read('kubernetes/cronjob.yaml')).map(document => document.toJS()) as [
    { data: Record<string, string> },
    { kind: string; spec: { jobTemplate: { spec: { template: { spec: { containers: Container[] } } } } } },
  ]
  assert.equal(cron.kind, 'CronJob')
  const [container] = cron.spec.jobTemplate.spec.template.spec.containers
  const root = join(bench.root, 'pod')
  const put = (text: string) => text.replace(/\/(etc|run\/secrets|app|tmp)\//g, at => join(root, at, '/'))
  for (const folder of ['etc/daypass', 'run/secrets/genesys-cloud', 'app', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, 'etc/daypass/daypass.toml'), `${put(map.data['daypass.toml'] ?? '')}\ntoken_url = "${bench.url}/oauth/token"\napi_url = "${bench.url}"\n`)
  writeFileSync(join(root, 'run/secrets/genesys-cloud/client-id'), 'sandbox')
  writeFileSync(join(root, 'run/secrets/genesys-cloud/client-secret'), 'sandbox-secret', { mode: 0o440 })
  symlinkSync(join(bench.repository, 'sync.sh'), join(root, 'app/sync.sh'))
  const env = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, put(value)]))
  const [program = '', ...args] = (container?.command ?? []).map(put)
  const told = execFileSync(program, args, { env: { PATH: `${bench.root}/bin:/usr/bin:/bin`, ...env }, encoding: 'utf8' })
  assert.match(told, /sync has run/)
})

test('docker: what the line with the secret does', async () => {
  await genesys('1h')
  const line = /^RUN --mount=type=secret,id=token \\\n([^]*)$/m.exec(read('docker/Dockerfile'))?.[1] ?? ''
  const file = join(bench.root, 'token')
  shell(`daypass token --out ${file}\n${line.replace('/run/secrets/token', file).replace('https://api.mypurecloud.ie', bench.url).replace('/flows.json', '/dev/null').replaceAll('\\\n', '')}`)
})
