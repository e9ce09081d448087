// Main did not come to its end, and a step has said what it did not: nothing of that is started or asked.

import { type Scenario, BINARY, GENESYS, sha256 } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, binary: 'none' },
  env: { STATE_binary: '$ROOT/work/bin/daypass', STATE_sha256: sha256(BINARY), STATE_agent: 'unix:$ROOT/work/s', STATE_socket: '$ROOT/work/s' },
}
