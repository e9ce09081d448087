// The release cannot be reached: pip installs the wheel whose hash is known.

import { mkdir, readFile, writeFile } from 'node:fs/promises'

import { type Scenario, GENESYS, BINARY, sha256 } from '../scenario.ts'

const { binary: _, ...inputs } = GENESYS

export const scenario: Scenario = {
  inputs,
  release: { version: '1.2.3', binaries: { 'linux-x64': { asset: 'daypass-linux-x64', sha256: sha256(BINARY), wheels: ['aa', 'bb'] } } },
  cache: () => new Response('', { status: 404 }),
  programs: async ({ args }, root) => {
    const target = args[args.indexOf('--target') + 1] ?? ''
    await mkdir(`${target}/bin`, { recursive: true })
    await writeFile(`${target}/bin/daypass`, BINARY)
    const list = await readFile(`${root}/temp/daypass-action-random/requirements.txt`, 'utf8')
    if (list !== 'daypass==1.2.3 --hash=sha256:aa --hash=sha256:bb\n') throw new Error(list)
    return { code: 0 }
  },
}
