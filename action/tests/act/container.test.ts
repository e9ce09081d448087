// A job in a container: its processes are root's, and the runner's temporary folder, mounted from outside, is another
// user's.

import assert from 'node:assert/strict'
import { chownSync, readdirSync } from 'node:fs'
import test from 'node:test'

import { Bench } from './bench.ts'

test('the temporary folder belongs to somebody else', async t => {
  if (process.getuid?.() !== 0) return t.skip('only root can give a folder away')
  const bench = new Bench()
  t.after(() => bench.end())
  await bench.sandbox()
  chownSync(bench.temporary, 1001, 1001)
  const { code, log } = await bench.run(
    bench.job(`
- uses: ./action
  with: { ${bench.inputs({ share: 'cache', 'cache-key': 'Zk3vT9xQm1LcPq8wRb5YhN7u' })} }
- uses: ./action
  with: { ${bench.inputs({ profile: 'other', scopes: 'other:read' })} }
- run: test "$(daypass token)" != "$(daypass token other)"`),
  )
  assert.equal(code, 0, log)
  assert.doesNotMatch(log, /::warning/)
  assert.equal(await bench.tokenRequests(), 2)
  bench.leavesNothing()
  assert.deepEqual(readdirSync('/tmp').filter(name => name.startsWith('daypass-action')), [])
})
