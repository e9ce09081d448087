#!/usr/bin/env node
// Bundles src/entry into dist. `--check` only says whether dist is what src makes. `--out FOLDER --release FILE` makes a
// bundle elsewhere that knows the binaries of FILE: for tests, and for looking at a release before it is one.

import { readFileSync, writeFileSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { build } from 'esbuild'

const here = import.meta.dirname
const { values } = parseArgs({ options: { check: { type: 'boolean' }, out: { type: 'string' }, release: { type: 'string' } } })
const out = resolve(values.out ?? join(here, 'dist'))

const other = {
  name: 'release',
  setup(build) {
    build.onResolve({ filter: /\/release\.json$/ }, () => ({ path: resolve(values.release) }))
  },
}
const made = await build({
  absWorkingDir: here,
  entryPoints: { main: 'src/entry/main.ts', post: 'src/entry/post.ts' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  outdir: out,
  charset: 'utf8',
  legalComments: 'none',
  plugins: values.release ? [other] : [],
  write: false,
})

const LIMIT = 1.5 * 1024 * 1024
const size = made.outputFiles.reduce((sum, file) => sum + file.contents.length, 0)
if (size > LIMIT) throw new Error(`dist has ${size} bytes; ${LIMIT} is the most`)
if (values.check) {
  const names = made.outputFiles.map(file => file.path).sort()
  const there = readdirSync(out).map(name => join(out, name)).sort()
  const same = file => there.includes(file.path) && readFileSync(file.path).equals(Buffer.from(file.contents))
  if (names.join() !== there.join() || !made.outputFiles.every(same)) {
    console.error('dist is not what src makes: run npm run build')
    process.exit(1)
  }
} else {
  mkdirSync(out, { recursive: true })
  for (const file of made.outputFiles) writeFileSync(file.path, file.contents)
}
console.log(`${made.outputFiles.length} files, ${Math.ceil(size / 1024)} KiB`)
