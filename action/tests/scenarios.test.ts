// Plays every scenario there is and compares what happened with its snapshot; none of it may show the secret.
// After an intended change: npm run snapshots

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test, { snapshot } from 'node:test'

import { forms } from '../src/masks.ts'
import { SECRET, type Scenario, play } from './scenario.ts'

snapshot.setDefaultSnapshotSerializers([value => String(value)])
snapshot.setResolveSnapshotPath(path => `${path?.replace(/\.ts$/, '')}.snapshot`)

const folder = join(import.meta.dirname, 'scenarios')
for (const file of (await readdir(folder)).sort()) {
  test(file.replace(/\.ts$/, '').replaceAll('-', ' '), async t => {
    const { scenario } = (await import(join(folder, file))) as { scenario: Scenario }
    const told = await play(scenario)
    for (const line of told.split('\n')) {
      if (/^(::add-mask::|  by pipe: [A-Z0-9_]+_SECRET=)/.test(line)) continue
      for (const form of forms(SECRET)) assert.ok(!line.includes(form), `${form} is in: ${line}`)
      assert.ok(!line.includes('LEAKED'), line)
    }
    // One mask says that all are there; which they are is tested beside them.
    const short = told.replace(/(::add-mask::[^\n]*\n)(?:::add-mask::[^\n]*\n)+/g, (masks: string, first: string) => `${first}(and ${masks.trim().split('\n').length - 1} other forms)\n`)
    t.assert.snapshot(short)
  })
}
