// It may be meant, and most often is not.

import { GENESYS, SECRET, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'client-secret': `${SECRET} ` },
}
