// A second use with another daypass does not replace the one of the first.

import { readFile } from 'node:fs/promises'

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, profile: 'second' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s', 'temp/daypass-action-random/bin/daypass': 'of the first use' },
  between: async root => {
    if ((await readFile(`${root}/temp/daypass-action-random/bin/daypass`, 'utf8')) !== 'of the first use') throw new Error('it was replaced')
  },
}
