// Nothing but space is no secret.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'client-secret': ' \t' },
}
