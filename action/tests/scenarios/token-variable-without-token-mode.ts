// It would do nothing.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'token-variable': 'ORG_TOKEN' },
}
