// Where the folders of a use are, whatever TMPDIR says: with real folders, since what others can replace is decided there.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { after } from 'node:test'

import { openJob, socketFolder } from '../src/job.ts'
import type { World } from '../src/world.ts'

const root = mkdtempSync(join(tmpdir(), 'daypass-folders-'))
after(() => rmSync(root, { recursive: true }))
const world = (RUNNER_TEMP: string, TMPDIR: string) => ({ env: { RUNNER_TEMP, TMPDIR }, random: () => crypto.randomUUID() }) as unknown as World

const folder = (name: string, mode: number) => {
  mkdirSync(join(root, name))
  chmodSync(join(root, name), mode)
  return join(root, name)
}
const open = folder('open', 0o777)
const closed = folder('closed', 0o700)
const long = folder('l'.repeat(90), 0o700)
const file = join(root, 'file')
writeFileSync(file, '')

for (const [what, tmp, where] of [
  ['is not there', '/nonexistent', '/tmp'],
  ['is a file', file, '/tmp'],
  ['is open to all', open, '/tmp'],
  ['is relative', 'relative', '/tmp'],
  ['is fine', closed, closed],
] as const) {
  test(`a folder is made where it is safe when TMPDIR ${what}`, async () => {
    const made = [(await openJob(world(open, tmp))).folder, await socketFolder(world(long, tmp), long)]
    for (const path of made) rmSync(path, { recursive: true })
    assert.deepEqual(made.map(dirname), [where, where])
  })
}
