// Something else has made a folder of our name, open to all.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { files: { 'temp/daypass-action/x': '' }, open: 'temp/daypass-action' }
