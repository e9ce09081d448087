// A second use that cannot go on leaves what the first one needs.

import { appendFile } from 'node:fs/promises'

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, binary: 'missing' },
  env: { DAYPASS_AGENT: 'unix:$ROOT/temp/daypass-action-random/s' },
  files: { 'temp/daypass-action-random/agent': '$ROOT/temp/daypass-action-random/s', 'temp/daypass-action-random/genesys-cloud.toml': 'of the first use' },
  between: async root => {
    await appendFile(`${root}/temp/daypass-action-random/genesys-cloud.toml`, ', which is there')
  },
  showAfter: 'temp/daypass-action-random/genesys-cloud.toml',
}
