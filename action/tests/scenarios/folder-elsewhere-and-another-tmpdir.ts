// A step gives TMPDIR to the later ones: post finds what main has made in the one of its time.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, revoke: 'true' },
  env: { TMPDIR: '$ROOT/temporary' },
  files: { 'temporary/x': '' },
  open: 'temp',
  exports: { TMPDIR: '$ROOT/work' },
}
