// A runner with a umask that lets its group write: the files are elsewhere.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = { env: { TMPDIR: '$ROOT/temporary' }, files: { 'temporary/x': '' }, open: 'temp' }
