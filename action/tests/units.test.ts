// What scenarios do not reach: the forms of a secret, and that the documents, action.yml and the code name the same things.

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import { parse } from 'yaml'

import { json, send, signed } from '../src/cache/transfer.ts'
import { distrust, fromFork } from '../src/event.ts'
import { basic, forms } from '../src/masks.ts'
import { KEYS, input } from '../src/profile.ts'
import release from '../src/release.json' with { type: 'json' }
import { span, summary } from '../src/summary.ts'
import { inInputs } from '../src/words.ts'
import type { World } from '../src/world.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')
const action = parse(read('action/action.yml')) as { inputs: Record<string, { description: string; default?: string }> }

test('base64 of a longer text is masked wherever the secret starts', () => {
  const secret = 'Wq8-zr2_Kd91LmXy+/'
  for (let before = 0; before < 7; before += 1) {
    for (let behind = 0; behind < 7; behind += 1) {
      const text = Buffer.from('x'.repeat(before) + secret + 'y'.repeat(behind))
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        const log = text.toString(encoding)
        assert.ok(forms(secret).some(form => log.includes(form)), `${before} ${behind} ${encoding}`)
      }
    }
  }
})

test('encoded forms are masked', () => {
  const secret = 'p/ä "w"+rd%&~*'
  for (const log of [
    'p%2F%C3%A4%20%22w%22%2Brd%25%26~*',
    'p%2f%c3%a4%20%22w%22%2brd%25%26~*',
    new URLSearchParams({ secret }).toString(),
    JSON.stringify({ secret }),
    '"p\\/ä \\"w\\"+rd%&~*"',
    '"p/\\u00e4 \\"w\\"+rd%&~*"',
  ]) {
    assert.ok(forms(secret).some(form => log.includes(form)), log)
  }
  for (const log of [Buffer.from(`id:${secret}`), Buffer.from('id:p%2F%C3%A4+%22w%22%2Brd%25%26%7E*')]) {
    assert.ok(basic('id', secret).includes(log.toString('base64')), log.toString())
  }
  assert.ok(forms('abc').every(form => form.length >= 4), 'what is too short would mask half of every log')
})

test('every key of a profile is an input, and every input is documented with its default', () => {
  const table = read('docs/config.md').split('## Keys of a profile')[1] ?? ''
  const keys = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, key]) => key ?? '')
  assert.ok(keys.length > 20)
  // Where tokens are kept is the Action's own business.
  const own = new Set([...Object.keys(KEYS), 'client_id', 'client_secret', 'store'])
  assert.deepEqual(keys.filter(key => !own.has(key)), [])
  for (const key of own) if (key !== 'store') assert.ok(input(key) in action.inputs, key)
  for (const [name, { description, default: value }] of Object.entries(action.inputs)) {
    assert.ok(value !== undefined || /Default: |Required/.test(description), name)
  }
})

test('the inputs that the code reads are those of action.yml', () => {
  const code = read('action/src/inputs.ts')
  const named = [...code.matchAll(/read\('([a-z0-9-]+)'\)/g)].map(([, name]) => name ?? '')
  const all = new Set([...named, 'client-secret', ...Object.keys(KEYS).map(input)])
  assert.deepEqual([...all].sort(), Object.keys(action.inputs).sort())
})

test('every code of the Action is documented, and no other', () => {
  const sources = readdirSync(join(import.meta.dirname, '../src'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  const used = sources.flatMap(name => [...read(`action/src/${name}`).matchAll(/'(action\.[a-z_]+)'/g)].map(([, code]) => code))
  const documented = [...read('docs/ci/README.md').matchAll(/^\| `(action\.[a-z_]+)` \|/gm)].map(([, code]) => code)
  assert.deepEqual([...new Set(used)].sort(), documented)
})

test('every failure that the code tells is in a snapshot', () => {
  const snapshots = read('action/tests/scenarios.test.snapshot').replaceAll('\\\\', '\\').replaceAll('\\`', '`').replaceAll('%25', '%')
  const sources = readdirSync(join(import.meta.dirname, '../src'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts') && !name.startsWith('entry'))
  const missing = sources.flatMap(name => {
    const told = [...read(`action/src/${name}`).matchAll(/new (?:Error\(|Problem\(\s*'[a-z_.]+',)\s*(['"`])((?:\\.|(?!\1).)*)\1/g)]
    // What is said between what is put in.
    const parts = told.map(([, , text = '']) => text.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/).map(part => part.replaceAll('\\', '')))
    return parts.filter(parts => !parts.every(part => snapshots.includes(part))).map(parts => `${name}: ${parts.join('…')}`)
  })
  assert.deepEqual(missing, [])
})

test('the version is that of daypass', () => {
  assert.equal(release.version, /^version = "(.*)"$/m.exec(read('Cargo.toml'))?.[1])
})

test('errors speak of inputs where the workflow has inputs', () => {
  const table: Record<string, string> = {
    '127.0.0.1:1 answered invalid_client for client sand... (GENESYSCLOUD_OAUTHCLIENT_ID)': '127.0.0.1:1 answered invalid_client for client sand... (client-id)',
    '"genesys-cloud" has no region\nhint: region = "eu-west-1" under [profile.genesys-cloud], or export GENESYSCLOUD_REGION=eu-west-1': '"genesys-cloud" has no region\nhint: region: eu-west-1, or export GENESYSCLOUD_REGION=eu-west-1',
    '/runner/_temp/daypass-action-1a2b3c4d/genesys-cloud.toml:6:11: `min_ttl`: not a duration': '`min-ttl`: not a duration',
    'x: set DAYPASS_CACHE_KEY to 32 random characters': 'x: set cache-key to 32 random characters',
    'set `api_url` in the profile: api_url = "https://api.example.com"': 'set `api-url`: api-url: https://api.example.com',
    '[profile.a] has both `token_url` and `issuer`': 'this use has both `token-url` and `issuer`',
    'name it: revocation_url, or issuer': 'name it: revocation-url, or issuer',
    'ca_file names a PEM file with the roots': 'ca-file names a PEM file with the roots',
    'https://x.example/token_url/y /srv/ca_file client_credentials': 'https://x.example/token_url/y /srv/ca_file client_credentials',
    'another\nhint: give this one another name, or daypass agent --stop and start the agent anew': 'another\nhint: give this use another name: profile: NAME',
  }
  for (const [said, told] of Object.entries(table)) assert.equal(inInputs(said), told)
})

test('a fork is told from a branch', () => {
  const event = (full_name: unknown, name = 'pull_request') => ({
    name,
    actor: 'a',
    repository: 'acme/things',
    payload: { pull_request: { head: { repo: full_name === null ? null : { full_name } } } },
  })
  assert.equal(fromFork(event('acme/things')), false)
  assert.equal(fromFork(event('ACME/Things')), false)
  assert.equal(fromFork(event('stranger/things')), true)
  assert.equal(fromFork(event(null)), true)
  assert.equal(fromFork({ ...event(''), payload: undefined }), true, 'what cannot be read is not believed')
  assert.equal(fromFork({ ...event(''), name: 'push', payload: {} }), false)
  assert.equal(distrust({ ...event(''), name: 'push', payload: {} }), undefined)
  for (const name of ['pull_request_target', 'workflow_run', 'issue_comment', 'discussion_comment']) {
    assert.notEqual(distrust({ ...event('acme/things'), name, payload: {} }), undefined, name)
  }
})

test('an answer that is refused is not read on', async () => {
  for (const status of [500, 404]) {
    let cancelled = false
    const body = new ReadableStream({ cancel: () => void (cancelled = true) })
    const world = { fetch: async () => new Response(body, { status }) } as unknown as World
    await assert.rejects(send(world, 'http://127.0.0.1/', {}).then(json), new RegExp(`answered ${status}`))
    assert.ok(cancelled, `what drips would keep the step: ${status}`)
  }
})

test('a cache names https, or itself where it has none', () => {
  const table: [string, unknown, boolean][] = [
    ['https://a.example/', 'https://b.example/x', true],
    ['https://a.example/', 'http://a.example/x', false],
    ['http://127.0.0.1:1/', 'http://127.0.0.1:1/x', true],
    ['http://127.0.0.1:1/', 'http://127.0.0.1:2/x', false],
    ['http://127.0.0.1:1/', 'file:///etc/passwd', false],
    ['http://127.0.0.1:1/', undefined, false],
  ]
  for (const [service, address, may] of table) {
    const ask = () => signed(service, address)
    if (may) assert.equal(ask(), address)
    else assert.throws(ask, `${service} ${address}`)
  }
})

test('a summary shows what is left as a bar, and no markup of others', () => {
  const token = { fingerprint: '#1', expiresAt: '', left: 1800, lifetime: 3600 }
  const text = summary({ profile: 'a|b', place: '<img src=x>', token, made: 1, saved: 2 })
  assert.match(text, /\| a&#124;b \| &#60;img src=x&#62; \| `█{10}░{10}` 30m left of 1h \| 1 \| 2 \|/)
  assert.match(summary({ profile: 'a', place: 'p', token, made: 1, saved: 2 }, { revoked: true }), /\| revoked after 30m of 1h \| 1 \| 2 \|/)
  assert.match(summary({ profile: 'b', place: 'p', token, made: 1, saved: 2 }, { as: 'a' }), /\| b \| p \| .* \| as a \| as a \|/)
  assert.deepEqual([0, 59, 60, 3599, 3600, 5400].map(span), ['0s', '59s', '1m', '59m', '1h', '1h 30m'])
})
