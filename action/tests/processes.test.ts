// How processes are run to their end, and ended, with real ones; and what Node is told of a proxy.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'

import { end } from '../src/entry/end.ts'
import { run } from '../src/entry/run.ts'
import { withSchemes } from '../src/proxy.ts'

const usual = { cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeout: 60_000 }
const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length

test('what cannot be started is told at once, and nothing waits for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'daypass-processes-'))
  writeFileSync(join(folder, 'text'), 'no program', { mode: 0o700 })
  const before = timers()
  for (const start of [
    { ...usual, program: '/nonexistent/daypass', args: [] },
    { ...usual, program: join(folder, 'text'), args: ['x'.repeat(8 * 1024 * 1024)] },
    { ...usual, program: 'true', args: [], cwd: join(folder, 'none') },
    { ...usual, program: 'true\0', args: [] },
  ]) {
    const { code, late, stderr } = await run(start)
    assert.equal(code, -1)
    assert.equal(late, false)
    assert.notEqual(stderr, '')
  }
  assert.equal(timers(), before, 'a timer would keep the step')
  rmSync(folder, { recursive: true })
})

test('what does not end in time is ended, and told apart', async () => {
  const late = await run({ ...usual, program: 'sh', args: ['-c', 'echo begun; exec sleep 600'], timeout: 200 })
  assert.deepEqual([late.code, late.late], [-1, true])
  const killed = await run({ ...usual, program: 'sh', args: ['-c', 'kill -9 $$'] })
  assert.deepEqual([killed.code, killed.late, killed.stderr], [-1, false, 'it was ended by SIGKILL'])
  const done = await run({ ...usual, program: 'cat', args: [], input: Buffer.from('text'), timeout: Number.MAX_SAFE_INTEGER })
  assert.deepEqual([done.code, done.late, String(done.stdout)], [0, false, 'text'])
  assert.equal(timers(), 0)
})

test('an agent is found by its socket and ended, also one that is stopped or will not', async () => {
  const socket = `/tmp/daypass-${process.pid}/s`
  const agent = async (script: string, socket: string): Promise<ChildProcess> => {
    const child = spawn('sh', ['-c', `${script}; echo ready; read x; sleep 600`, 'sh', 'agent', '--socket', socket], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    return child
  }
  const other = await agent(':', `${socket}2`)
  const [stopped, stubborn] = [await agent(':', socket), await agent("trap '' TERM", socket)]
  stopped.kill('SIGSTOP')
  const ended = [stopped, stubborn].map(child => once(child, 'exit'))
  assert.equal(await end(socket, 100), true)
  assert.deepEqual((await Promise.all(ended)).map(([, signal]) => signal), ['SIGTERM', 'SIGKILL'])
  assert.equal(await end(socket), false)
  assert.equal(other.exitCode ?? other.signalCode, null, 'one with another socket is left alone')
  other.kill()
})

test('a proxy without a scheme is one of http, as for curl and daypass', () => {
  assert.deepEqual(
    withSchemes({ HTTPS_PROXY: '10.0.0.1:3128', http_proxy: 'http://a:b@c', NO_PROXY: 'localhost,.example', HTTP_PROXY: '', PATH: '/bin' }),
    { HTTPS_PROXY: 'http://10.0.0.1:3128', http_proxy: 'http://a:b@c', NO_PROXY: 'localhost,.example' },
  )
})
