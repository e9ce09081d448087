// What could be a secret is not shown.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'Zk3vT9xQm1LcPq8w' },
}
