// A step has emptied the runner's folder: the agent still ends.

import { rm } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  between: root => rm(`${root}/temp/daypass-action-random`, { recursive: true }),
}
