// A daypass of another version.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'gateway' },
  daypass: { agent: { stdout: '{"pid":4711,"socket":"$ROOT/temp/daypass-action-random/s","gateway":{}}' } },
}
