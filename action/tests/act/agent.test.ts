// Whole jobs in mode agent and token.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'

import { Bench } from './bench.ts'
import { assertNowhere } from './leaks.ts'

let bench: Bench
before(async () => {
  bench = new Bench()
  await bench.sandbox()
})
after(() => bench.end())

test('later steps get tokens and hold no secret; nothing shows it', async () => {
  await bench.sandbox('--lifetime', '3s')
  const seen = join(bench.root, 'seen')
  const workflow = bench.job(`
- uses: ./action
  id: daypass
  with: { ${bench.inputs()} }
- name: a step
  run: |
    set -x
    TOKEN=$(daypass token)
    curl -sf -H "Authorization: Bearer $TOKEN" ${bench.url}/api/echo
    daypass token --format curl | curl -sf --config - ${bench.url}/api/echo
    daypass exec -- sh -xc 'curl -sf -H "Authorization: Bearer $ACCESS_TOKEN" ${bench.url}/api/echo'
    printf %s "$TOKEN" > ${seen}.first
    echo "in base64: $(printf 'x%s' "$TOKEN" | base64 -w0)"
    env > ${seen}.env; cat /proc/$$/environ >> ${seen}.env
    for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline >> ${seen}.ps 2>/dev/null || true; done
    cp -r "$RUNNER_TEMP" ${seen}.files; cp -r "$(dirname "$GITHUB_ENV")" ${seen}.runner
    sleep 4
- name: a step after the token's end
  run: |
    set -x
    TOKEN=$(daypass token)
    curl -sf -H "Authorization: Bearer $TOKEN" ${bench.url}/api/echo
    printf %s "$TOKEN" > ${seen}.second
    daypass token --format header
    daypass status
    echo "the profile is \${{ steps.daypass.outputs.profile }}"`)
  const { code, log } = await bench.run(workflow)
  assert.equal(code, 0, log)
  assert.match(log, /the profile is oauth2/)
  assert.match(log, /token requests made \| saved/)
  const tokens = ['first', 'second'].map(name => readFileSync(`${seen}.${name}`, 'utf8'))
  assert.notEqual(tokens[0], tokens[1], 'the token was renewed')
  assert.ok((await bench.tokenRequests()) <= 4)
  const texts = new Map([['log', log], ...['env', 'ps'].map(name => [name, readFileSync(`${seen}.${name}`, 'latin1')] as const)])
  for (const folder of [`${seen}.files`, `${seen}.runner`, bench.home]) for (const [path, text] of bench.files(folder)) texts.set(path, text)
  assertNowhere(['sandbox-secret', ...tokens], texts)
  bench.leavesNothing()
})

test('two uses in one job join one agent', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- run: echo "$DAYPASS_AGENT" > ${bench.root}/one
- uses: ./action
  with: { ${bench.inputs({ profile: 'other', scopes: 'other:read' })} }
- run: |
    echo "$DAYPASS_AGENT" > ${bench.root}/two
    test "$(daypass token)" != "$(daypass token other)"
    test "$(daypass token)" = "$(daypass token oauth2)"`),
  )
  assert.equal(code, 0, log)
  assert.equal(readFileSync(`${bench.root}/one`, 'utf8'), readFileSync(`${bench.root}/two`, 'utf8'))
  assert.equal(await bench.tokenRequests(), 2)
  bench.leavesNothing()
})

test('a second use starts no agent in the place of one that a step has ended', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- run: daypass agent --stop
- uses: ./action
  with: { ${bench.inputs({ profile: 'other', scopes: 'other:read' })} }`),
  )
  assert.notEqual(code, 0, log)
  assert.match(log, /the agent of an earlier use in this job has ended/)
  assert.equal(await bench.tokenRequests(), 1)
  bench.leavesNothing()
})

test('a token takes no place of another one, but the same use renews its own', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs({ mode: 'token' })} }
- run: echo "$ACCESS_TOKEN" > ${bench.root}/one
- uses: ./action
  with: { ${bench.inputs({ mode: 'token' })} }
- run: echo "$ACCESS_TOKEN" > ${bench.root}/two
- uses: ./action
  with: { ${bench.inputs({ mode: 'token', profile: 'other', 'token-variable': 'OTHER_TOKEN' })} }
- run: test "$ACCESS_TOKEN" != "$OTHER_TOKEN" && echo they differ
- uses: ./action
  with: { ${bench.inputs({ mode: 'token', profile: 'third' })} }`),
  )
  assert.notEqual(code, 0, log)
  assert.match(log, /\| they differ/)
  assert.match(log, /an earlier use in this job has given ACCESS_TOKEN to the steps/)
  assert.notEqual(readFileSync(`${bench.root}/one`, 'utf8'), readFileSync(`${bench.root}/two`, 'utf8'))
  assert.equal(await bench.tokenRequests(), 3)
  bench.leavesNothing()
})

test('a token in the environment, and as an output, beside an agent; it is revoked after the job', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  id: daypass
  with: { ${bench.inputs({ mode: 'token', 'output-token': 'true', revoke: 'true', 'revocation-url': `${bench.url}/oauth/revoke` })} }
- run: |
    test -z "$DAYPASS_AGENT"
    test "$ACCESS_TOKEN" = "$OUTPUT"
    echo "it is $ACCESS_TOKEN"
    printf %s "$ACCESS_TOKEN" > ${bench.root}/revoked
    curl -sf -H "Authorization: Bearer $ACCESS_TOKEN" ${bench.url}/api/echo
  env: { OUTPUT: '\${{ steps.daypass.outputs.token }}' }
- uses: ./action
  with: { ${bench.inputs()} }
- run: daypass token > ${bench.root}/other`),
  )
  assert.equal(code, 0, log)
  assert.match(log, /it is \*\*\*/)
  assert.doesNotMatch(log, /::warning/)
  for (const [name, status] of [['revoked', 401], ['other', 200]] as const) {
    const token = readFileSync(join(bench.root, name), 'utf8').trim()
    const answer = await fetch(`${bench.url}/api/echo`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(answer.status, status, name)
  }
  bench.leavesNothing()
})

test('two jobs whose runners have long names do not share an agent', async () => {
  await bench.sandbox()
  const temporary = join(bench.temporary, 'a'.repeat(90))
  mkdirSync(temporary)
  const run = (scopes: string) => bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs({ scopes })} }
- run: |
    echo "$DAYPASS_AGENT" >> ${bench.root}/agents
    daypass token >> ${bench.root}/tokens; echo >> ${bench.root}/tokens`).replaceAll(bench.temporary, temporary),
  )
  const logs = [await run('one:read'), await run('two:read')]
  for (const { code, log } of logs) assert.equal(code, 0, log)
  for (const name of ['agents', 'tokens']) assert.equal(new Set(readFileSync(join(bench.root, name), 'utf8').match(/\S+/g)).size, 2, name)
  assert.equal(await bench.tokenRequests(), 2)
  for (const address of readFileSync(join(bench.root, 'agents'), 'utf8').match(/\/\S+/g) ?? []) assert.ok(!existsSync(join(address, '..')), address)
  rmSync(temporary, { recursive: true })
  bench.leavesNothing()
})

test('a job that fails is cleaned up, and its tokens revoked, also one that was replaced early', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs({ revoke: 'true', 'revocation-url': `${bench.url}/oauth/revoke` })} }
- run: daypass token > ${bench.root}/token && sleep 3 && daypass token --fresh > ${bench.root}/fresh && exit 7`),
  )
  assert.notEqual(code, 0)
  const tokens = ['token', 'fresh'].map(name => readFileSync(join(bench.root, name), 'utf8').trim())
  assert.notEqual(tokens[0], tokens[1])
  for (const token of tokens) {
    const answer = await fetch(`${bench.url}/api/echo`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(answer.status, 401, log)
  }
  bench.leavesNothing()
})

test('a job that is cancelled leaves nothing behind', async () => {
  await bench.sandbox()
  const { log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- run: |
    echo "$DAYPASS_AGENT" > ${bench.root}/agent
    echo "is running"
    exec sleep 60`),
    { when: [/\| is running/, act => void act.kill('SIGINT')] },
  )
  assert.match(log, /Post .\/action/)
  const socket = readFileSync(`${bench.root}/agent`, 'utf8').trim().replace('unix:', '')
  assert.ok(!existsSync(socket), log)
  bench.leavesNothing()
})

test('a wrong secret fails the step with the hint as an annotation', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- run: echo not reached`),
    { secrets: { CLIENT_SECRET: 'wrong-secret' } },
  )
  assert.notEqual(code, 0)
  assert.match(log, /::error title=daypass%3A issuer\.rejected::.*%0Ahint: /)
  assert.doesNotMatch(log, /\| not reached/)
  bench.leavesNothing()
})

test('a pull request from a fork is told why it has no secret, and its files are not believed', async () => {
  await bench.sandbox()
  const payload = { pull_request: { head: { repo: { full_name: 'stranger/things' }, ref: 'x' }, base: { ref: 'main' } } }
  const job = (inputs: string) => bench.job(`
- uses: ./action
  with: { ${inputs} }`)
  const empty = await bench.run(job(bench.inputs()), { event: 'pull_request', payload, secrets: { CLIENT_SECRET: '' } })
  assert.match(empty.log, /::error title=daypass%3A config\.secret_empty::.*pull requests from forks get no secrets/)
  const file = await bench.run(job("config: daypass.toml, client-secret: '${{ secrets.CLIENT_SECRET }}'"), { event: 'pull_request', payload })
  assert.match(file.log, /::error title=daypass%3A config\.untrusted::/)
  assert.equal(await bench.tokenRequests(), 0)
})
