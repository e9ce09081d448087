// The usual case: the agent has the secret, later steps have its address.

import { type Scenario } from '../scenario.ts'

export const scenario: Scenario = {}
