// A step gives TMPDIR to the later ones: post finds the socket where TMPDIR was in main.

import { type Scenario } from '../scenario.ts'

const long = `temp/${'a'.repeat(90)}`

export const scenario: Scenario = {
  env: { RUNNER_TEMP: `$ROOT/${long}`, TMPDIR: '$ROOT' },
  files: { [`${long}/.keep`]: '' },
  exports: { TMPDIR: '$ROOT/work' },
}
