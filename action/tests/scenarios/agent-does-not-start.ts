// The agent says why.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  daypass: { agent: { code: 2, stderr: 'error[config.region_unknown]: "eu-west-9" is no region of genesys-cloud\n  hint: did you mean eu-west-1?\n' } },
}
