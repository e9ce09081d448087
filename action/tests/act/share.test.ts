// The token between jobs and runs, through act's cache server and through one that means harm.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { after, before } from 'node:test'

import { Bench } from './bench.ts'

/** How many jobs share: the number of the issue with DAYPASS_SOAK=1. */
const JOBS = process.env['DAYPASS_SOAK'] === '1' ? 20 : 4
const KEY = 'Zk3vT9xQm1LcPq8wRb5YhN7u'

let bench: Bench
before(() => {
  bench = new Bench()
})
after(() => bench.end())

const SHARE = { share: 'cache', 'cache-key': '${{ secrets.CACHE_KEY }}' }
const secrets = { CACHE_KEY: KEY }
const call = () => `- run: daypass token --format curl | curl -sf --config - ${bench.url}/api/echo`

/** Many jobs at once, after one that prepares. */
function matrix(): string {
  const jobs = Array.from({ length: JOBS }, (_, n) => n).join(', ')
  const use = `      - uses: actions/checkout@v5\n      - uses: ./action\n        with: { ${bench.inputs(SHARE)} }\n`
  return `on: push
jobs:
  prepare:
    runs-on: ubuntu-latest
    steps:
${use}  many:
    needs: prepare
    runs-on: ubuntu-latest
    strategy: { matrix: { n: [${jobs}] } }
    steps:
${use}      ${call()}
`
}

test('a prepare job asks once, and warm jobs ask nobody', async t => {
  await bench.sandbox('--lifetime', '1h')
  const cold = await bench.run(matrix(), { secrets })
  assert.equal(cold.code, 0, cold.log)
  assert.equal(await bench.tokenRequests(), 1, 'cold, with a prepare job')
  const warm = await bench.run(matrix(), { secrets })
  assert.equal(warm.code, 0, warm.log)
  assert.equal(await bench.tokenRequests(), 1, 'warm')
  t.diagnostic(`soak: action: ${JOBS} jobs after one that prepares: 1 token request cold, 0 warm`)
  assert.equal(warm.log.match(/Success - Post .\/action/g)?.length, JOBS + 1)
})

test('after the end of the token the prepare job asks once more', async () => {
  await bench.sandbox('--lifetime', '8s')
  const job = bench.job(`\n- uses: ./action\n  with: { ${bench.inputs(SHARE)} }\n${call()}`)
  const first = await bench.run(job, { secrets })
  assert.equal(first.code, 0, first.log)
  await new Promise(resolve => setTimeout(resolve, 8500))
  const second = await bench.run(job, { secrets })
  assert.equal(second.code, 0, second.log)
  assert.match(second.log, /is of no use: its token has ended/)
  assert.equal(await bench.tokenRequests(), 2)
})

test('a simple secret is not shared', async () => {
  await bench.sandbox()
  const { code, log } = await bench.run(bench.job(`\n- uses: ./action\n  with: { ${bench.inputs({ share: 'cache' })} }\n${call()}`))
  assert.notEqual(code, 0)
  assert.match(log, /::error title=daypass%3A config\.weak_secret::/)
})

test('whatever a cache serves, no file is written and the job goes on', async () => {
  await bench.sandbox()
  const target = join(bench.root, 'planted')
  const bodies: Record<string, () => Iterable<Buffer>> = {
    'a tar with an absolute path': () => [tar(target, 'evil')],
    'a tar that climbs': () => [tar(`../../../../../../../../..${target}`, 'evil')],
    'a gigabyte': function* () {
      for (let n = 0; n < 1024; n += 1) yield Buffer.alloc(1024 * 1024)
    },
    'nothing at all': () => [],
    'a record of somebody else': () => [Buffer.concat([Buffer.from('daypass\0\x01\x03'), Buffer.alloc(200, 7)])],
  }
  for (const [what, body] of Object.entries(bodies)) {
    const server = await hostile(body)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const before = await bench.tokenRequests()
    const job = bench.job(`
- uses: ./action
  with: { ${bench.inputs(SHARE)} }
  env: { ACTIONS_CACHE_URL: '${url}' }
${call()}`)
    const { code, log } = await bench.run(job, { secrets, args: ['--no-cache-server'] })
    server.close()
    assert.equal(code, 0, `${what}: ${log}`)
    assert.match(log, /is of no use|cannot be read/, what)
    assert.ok(!existsSync(target), what)
    assert.equal(await bench.tokenRequests(), before + 1, what)
    assert.deepEqual(readdirSync(bench.root).filter(name => name.includes('planted')), [])
  }
  writeFileSync(target, 'the test would see it')
})

test('the second protocol of the cache', async () => {
  await bench.sandbox()
  const server = await second()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const job = bench.job(`
- uses: ./action
  with: { ${bench.inputs(SHARE)} }
  env: { ACTIONS_CACHE_SERVICE_V2: 'true', ACTIONS_RESULTS_URL: '${url}', ACTIONS_RUNTIME_TOKEN: runtime }
${call()}`)
  for (let n = 0; n < 2; n += 1) {
    const { code, log } = await bench.run(job, { secrets, args: ['--no-cache-server'] })
    assert.equal(code, 0, log)
    assert.doesNotMatch(log, /::warning/)
  }
  server.close()
  assert.equal(await bench.tokenRequests(), 1)
})

/** Entries by key, as GitHub's service has them: reserved, uploaded to an address of storage, finished, found by prefix. */
function second(): Promise<Server> {
  const [entries, finished] = [new Map<string, Buffer>(), [] as string[]]
  const server = createServer(async (request, answer) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const path = request.url ?? ''
    const storage = (key: string) => `http://${request.headers.host}/storage/${encodeURIComponent(key)}?sig=s`
    const stored = decodeURIComponent(/^\/storage\/(.*)\?sig=s$/.exec(path)?.[1] ?? '')
    if (stored !== '') {
      // Storage has its own word for who may: the address.
      assert.equal(request.headers.authorization, undefined)
      if (request.method === 'PUT') {
        assert.equal(request.headers['x-ms-blob-type'], 'BlockBlob')
        entries.set(stored, body)
      }
      return void answer.writeHead(request.method === 'PUT' ? 201 : 200).end(request.method === 'PUT' ? '' : entries.get(stored))
    }
    assert.equal(request.headers.authorization, 'Bearer runtime')
    const asked = JSON.parse(body.toString()) as { key: string; restore_keys?: string[]; version: string; size_bytes?: string }
    assert.match(asked.version, /^[0-9a-f]{64}$/)
    const method = path.replace('/twirp/github.actions.results.api.v1.CacheService/', '')
    if (method === 'CreateCacheEntry') return void answer.end(JSON.stringify({ ok: true, signed_upload_url: storage(asked.key) }))
    if (method === 'FinalizeCacheEntryUpload') {
      assert.equal(Number(asked.size_bytes), entries.get(asked.key)?.length)
      finished.push(asked.key)
      return void answer.end(JSON.stringify({ ok: true, entry_id: '1' }))
    }
    assert.equal(method, 'GetCacheEntryDownloadURL')
    const key = finished.findLast(key => asked.restore_keys?.some(prefix => key.startsWith(prefix)))
    answer.end(JSON.stringify(key === undefined ? {} : { ok: true, signed_download_url: storage(key), matched_key: key }))
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function hostile(body: () => Iterable<Buffer>): Promise<Server> {
  const server = createServer(async (request, answer) => {
    request.resume()
    if (request.method !== 'GET') return void answer.writeHead(400).end('{}')
    if (request.url?.includes('/cache?')) {
      return void answer.end(JSON.stringify({ result: 'hit', archiveLocation: `http://${request.headers.host}/entry`, cacheKey: 'k' }))
    }
    answer.on('error', () => undefined)
    for (const part of body()) {
      if (!answer.write(part)) await new Promise(resolve => answer.once('drain', resolve).once('close', resolve))
      if (answer.destroyed) return
    }
    answer.end()
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function tar(name: string, text: string): Buffer {
  const head = Buffer.alloc(512)
  head.write(name.slice(0, 100))
  head.write('0000644\0', 100)
  head.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124)
  head.write('        0', 148)
  head.write('ustar\x0000', 257)
  const sum = head.reduce((sum, byte) => sum + byte, 0)
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([head, Buffer.from(text), Buffer.alloc(1536 - text.length)])
}
