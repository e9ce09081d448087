// A shell would run it line by line, whatever it is.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = { inputs: { ...GENESYS, binary: '$ROOT/tools/hostname' }, files: { 'tools/hostname': 'runner-1\n' } }
