// The password is hidden in the log.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, proxy: 'http://me:proxy-pass%21word@proxy.example:3128' },
}
