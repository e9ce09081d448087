// Where the runner's folder is too long for a socket, the agent has a folder of its own elsewhere: never one that jobs share.

import { type Scenario } from '../scenario.ts'

const long = `temp/${'a'.repeat(90)}`

export const scenario: Scenario = {
  env: { RUNNER_TEMP: `$ROOT/${long}`, TMPDIR: '$ROOT' },
  files: { [`${long}/.keep`]: '' },
}
