// No secret and no token in any log, file, process list or environment: with a secret and tokens of all the characters
// that they can have, `set -x`, tokens that are renewed between steps, and encodings that a log may show.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'

import { forms } from '../../src/masks.ts'
import { Bench, DAYPASS } from './bench.ts'
import { assertNowhere } from './leaks.ts'

const SECRET = 'p%40ss:w+rd/& ?=~"\'k*Wq8-zr2_'

/** An issuer whose client has that secret. */
async function issuer(tokens: string[]): Promise<Server> {
  const server = createServer((request, answer) => {
    const basic = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString()
    const [id, secret] = basic.split(':').map(text => new URLSearchParams(`x=${text}`).get('x'))
    request.resume()
    if (id !== 'cli:ent' || secret !== SECRET) return void answer.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}')
    const token = `t~${tokens.length}+/${Math.random().toString(36).slice(2)}.-_aA9==`
    tokens.push(token)
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

for (const mode of ['agent', 'gateway']) {
  test(`mode ${mode} shows neither secret nor token`, async t => {
    const bench = new Bench()
    const tokens: string[] = []
    const server = await issuer(tokens)
    t.after(() => {
      server.close()
      bench.end()
    })
    const seen = join(bench.root, 'seen')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const inputs = bench.inputs({ 'token-url': `${url}/token`, 'client-id': 'cli:ent', 'api-url': url, mode })
    const { code, log } = await bench.run(
      bench.job(`
- uses: ./action
  id: daypass
  with: { ${inputs} }
- name: a step
  shell: bash
  run: |
    set -x
    TOKEN=$(daypass token)
    echo "it is $TOKEN"
    printf 'x%s' "$TOKEN" | base64 -w0; printf 'xx%s' "$TOKEN" | base64 -w0; echo
    printf %s "$TOKEN" | od -An -tx1 -v | tr -d ' \\n'; echo
    python3 -c 'import json, sys, urllib.parse as u; t = sys.stdin.read(); print(json.dumps(t), u.quote(t), u.quote_plus(t), u.quote(t, safe=""))' <<< "$TOKEN"
    daypass exec -- sh -xc 'echo "$ACCESS_TOKEN"'
    TOKEN=$(daypass token --reject <<< "$TOKEN")
    echo "and then $TOKEN"
- name: the next
  shell: bash
  run: |
    set -x
    env > ${seen}.env; tr '\\0' '\\n' < /proc/$$/environ >> ${seen}.env
    for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline >> ${seen}.ps 2>/dev/null || true; done
    for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ >> ${seen}.others 2>/dev/null || true; done
    cp -r "$RUNNER_TEMP" ${seen}.files; cp -r "$(dirname "$GITHUB_ENV")" ${seen}.runner
    daypass token --format json; daypass token --format curl; daypass token --format header
    daypass status --json`),
      { secrets: { CLIENT_SECRET: SECRET } },
    )
    assert.equal(code, 0, log)
    assert.equal(tokens.length, 2, 'the token was renewed between the steps')
    const texts = new Map([['log', log]])
    for (const name of ['env', 'ps', 'others']) texts.set(name, readFileSync(`${seen}.${name}`, 'latin1'))
    for (const folder of [`${seen}.files`, `${seen}.runner`, bench.home]) for (const [path, text] of bench.files(folder)) texts.set(path, text)
    assertNowhere([SECRET, ...tokens], texts)
    bench.leavesNothing()
  })
}

test('the Action hides every form that the command hides', async t => {
  // All signs that a token can have: no quotes, no dollar, no space.
  const token = `t~/+.-_aA9!#%&()*,:;<=>?@[]^{|}==${'0123456789abcdef'.repeat(8)}`
  const server = createServer((request, answer) => {
    request.resume()
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  const env = { OAUTH2_TOKEN_URL: url, OAUTH2_CLIENT_ID: 'a', OAUTH2_CLIENT_SECRET: 'b', GITHUB_ACTIONS: 'true' }
  const child = spawn(DAYPASS, ['token'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let told = ''
  child.stderr.on('data', part => (told += part))
  await new Promise(resolve => child.on('close', resolve))
  const masked = [...told.matchAll(/^::add-mask::(.*)$/gm)].map(([, form = '']) => form.replaceAll('%25', '%'))
  assert.ok(masked.length > 5, told)
  const ours = forms(token)
  // What is hidden inside something longer may be longer here: whatever shows the one shows the other.
  const hides = (own: string, form: string) => own === form || (own.includes(form) && own.length - form.length < 5)
  assert.deepEqual(masked.filter(form => !ours.some(own => hides(own, form))), [])
})
