// A daypass of another version, and a file that names no profile.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, binary: 'bin/daypass' },
  files: { 'work/daypass.toml': 'of the test' },
  daypass: { agent: { stdout: '{"pid":4711,"socket":"$ROOT/temp/daypass-action-random/s"}' } },
}
