// A file and the keys that it replaces.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, config: 'daypass.toml' } }
