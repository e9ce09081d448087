// A runner whose folders have long names: no socket fits there.

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import { Bench } from './bench.ts'

test('two uses in one job, where the path of a socket would be too long', async t => {
  const bench = new Bench()
  t.after(() => bench.end())
  await bench.sandbox()
  const long = join(bench.temporary, 'x'.repeat(90))
  mkdirSync(long)
  const runtime = join(bench.root, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  const workflow = bench.job(`
- uses: ./action
  with: { ${bench.inputs()} }
- uses: ./action
  with: { ${bench.inputs({ profile: 'other', scopes: 'other:read' })} }
- run: test "$(daypass token)" != "$(daypass token other)"`)
  const { code, log } = await bench.run(workflow.replace(`'${bench.temporary}'`, `'${long}', XDG_RUNTIME_DIR: '${runtime}'`))
  assert.equal(code, 0, log)
  assert.doesNotMatch(log, /::warning/)
  assert.deepEqual(bench.processes(), [])
  assert.deepEqual(readdirSync(long, { recursive: true }), [])
})
