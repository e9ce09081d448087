// A word that is none of the choices.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, mode: 'daemon' } }
