// A step has said what main would: post touches nothing that the Action did not make.

import { type Scenario, GENESYS } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, mode: 'none' },
  files: { 'work/kept': 'kept', 'work/s': '' },
  env: { STATE_first: 'true', STATE_folder: '$ROOT/work', STATE_place: '$ROOT/work', STATE_socket: '$ROOT/work/s', STATE_agent: 'unix:$ROOT/work/s', STATE_binary: '$ROOT/work/bin/daypass' },
  showAfter: 'work/kept',
}
