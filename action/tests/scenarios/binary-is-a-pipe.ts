// Nobody writes to it, and nobody waits.

import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  between: async root => {
    const path = `${root}/temp/daypass-action-random/bin/daypass`
    await rm(path)
    execFileSync('mkfifo', [path])
  },
}
