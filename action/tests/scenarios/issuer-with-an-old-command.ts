// Runners find commands of their first form in the middle of a line.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  daypass: { token: { code: 4, stderr: 'error[issuer.unavailable]: it says a##[add-mask]x\n  hint: b##vso[task.x]y\n' }, status: { stdout: '{}' } },
}
