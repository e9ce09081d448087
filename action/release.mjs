#!/usr/bin/env node
// Writes src/release.json: which daypass this Action starts. Run it at a release, on the files that will be published,
// then build dist. usage: release.mjs FOLDER [--out FILE]
//
// The folder holds the binaries, named daypass-linux-x64 and so on, and the wheels. A wheel counts for a platform if the
// daypass in it is that very binary.

import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inflateRawSync } from 'node:zlib'

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true })
const [folder] = positionals
if (folder === undefined) throw new Error('usage: release.mjs FOLDER [--out FILE]')
const version = /^version = "(.*)"$/m.exec(readFileSync(join(import.meta.dirname, '../Cargo.toml'), 'utf8'))[1]

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex')
const read = name => readFileSync(join(folder, name))
const names = readdirSync(folder).sort()
const wheels = names.filter(name => name.startsWith(`daypass-${version}-`) && name.endsWith('.whl'))
const binaries = {}
for (const asset of names) {
  const host = /^daypass-((?:linux|darwin|win32)-(?:x64|arm64))$/.exec(asset)?.[1]
  if (host === undefined) continue
  const hash = sha256(read(asset))
  const same = wheels.filter(wheel => sha256(daypassOf(read(wheel), version)) === hash)
  binaries[host] = { asset, sha256: hash, wheels: same.map(wheel => sha256(read(wheel))) }
}
if (Object.keys(binaries).length === 0) throw new Error(`no daypass-linux-x64 or the like is in ${folder}`)
const unused = wheels.filter(wheel => !Object.values(binaries).some(({ wheels }) => wheels.includes(sha256(read(wheel)))))
if (unused.length > 0) throw new Error(`these wheels hold none of the binaries: ${unused.join(', ')}`)
writeFileSync(values.out ?? join(import.meta.dirname, 'src/release.json'), `${JSON.stringify({ version, binaries }, null, 2)}\n`)

/** The file of a zip archive that becomes bin/daypass. */
function daypassOf(zip, version) {
  const wanted = `daypass-${version}.data/scripts/daypass`
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [method, packed, name, extra, comment] = [10, 20, 28, 30, 32].map(offset => (offset === 20 ? zip.readUInt32LE(at + 20) : zip.readUInt16LE(at + offset)))
    const local = zip.readUInt32LE(at + 42)
    if (zip.toString('utf8', at + 46, at + 46 + name) === wanted) {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const bytes = zip.subarray(start, start + packed)
      return method === 0 ? bytes : inflateRawSync(bytes)
    }
    at += 46 + name + extra + comment
  }
  throw new Error(`a wheel holds no ${wanted}`)
}
