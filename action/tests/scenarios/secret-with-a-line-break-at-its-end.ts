// A line break at the end came with the clipboard and is not part of it.

import { type Scenario, GENESYS, SECRET } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, 'client-secret': `${SECRET}\n` } }
