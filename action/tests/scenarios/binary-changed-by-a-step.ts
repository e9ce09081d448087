// What a step has put in its place is not started; the agent is ended by its process.

import { writeFile } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { between: root => writeFile(`${root}/temp/daypass-action-random/bin/daypass`, 'another') }
