// It cannot be asked to end: its process is ended.

import { rm } from 'node:fs/promises'

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { between: root => rm(`${root}/temp/daypass-action-random/bin`, { recursive: true }) }
