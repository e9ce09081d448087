// Its lifetime was over, or a step has ended it: the token could not be revoked.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, revoke: 'true' },
  daypass: { status: { code: 5, stderr: 'error[agent.unreachable]: no agent answers at unix:/x: there is no such socket\n  hint: did its job end?\n' } },
}
