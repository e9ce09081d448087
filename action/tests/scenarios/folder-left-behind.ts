// A job that was killed on this runner has left its folder: nothing of it is used.

import { readdir } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  files: { 'temp/daypass-action/agent': '$ROOT/temp/daypass-action/old/s', 'temp/daypass-action/old/s': '', 'temp/daypass-action/store/old': '' },
  between: async root => {
    if ((await readdir(`${root}/temp/daypass-action`)).includes('store')) throw new Error('it is there')
  },
}
