// What others could have changed is neither started nor removed, but the agent has the secret, and ends.

import { chmod } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  between: root => chmod(`${root}/temp/daypass-action-random`, 0o777),
}
