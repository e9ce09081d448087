// Masks and warnings are passed on; what looks like a command and is none of ours is not.

import { type Scenario, token } from '../scenario.ts'

export const scenario: Scenario = {
  daypass: {
    token: {
      ...token(),
      stderr: '::add-mask::form\ndaypass: warning: the token is short\n::set-env name=PATH::/evil\ndaypass: ::error::no\nsomething else\n',
    },
  },
}
