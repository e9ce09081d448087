// Which variables the uses in a job give to its later steps: none takes another one's away.

import { createHash } from 'node:crypto'

import type { Commands } from './commands.ts'
import type { Inputs } from './inputs.ts'
import { Problem } from './problem.ts'
import type { Environment } from './world.ts'

/** Names with who has given them; in the environment, since uses that share no agent share no folder. */
export const GIVEN = 'DAYPASS_ACTION_VARIABLES'

/** The variable of the token in mode token. */
export function tokenVariable(inputs: Inputs): string {
  const genesys = inputs.keys.get('provider') === 'genesys-cloud'
  return inputs.tokenVariable ?? (genesys ? 'GENESYSCLOUD_ACCESS_TOKEN' : 'ACCESS_TOKEN')
}

/** Fails when one of the variables is another use's. The same use again renews what it gave. */
export function demandFree(env: Environment, inputs: Inputs, names: readonly string[]): void {
  const earlier = given(env)
  const taken = names.find(name => earlier.has(name) && earlier.get(name) !== who(inputs))
  if (taken === undefined) return
  const which = inputs.mode === 'token' ? 'this use' : 'the use with mode: token'
  throw new Problem('usage', `an earlier use in this job has given ${taken} to the steps`, `give ${which} a variable of its own: token-variable: ORG_TOKEN`)
}

/** Notes them for later uses. */
export async function noteGiven(commands: Commands, env: Environment, inputs: Inputs, names: readonly string[]): Promise<void> {
  const all = new Map([...given(env), ...names.map(name => [name, who(inputs)] as const)])
  await commands.export(GIVEN, [...all].map(([name, use]) => `${name}=${use}`).join(' '))
}

function given(env: Environment): Map<string, string> {
  const found = (env[GIVEN] ?? '').matchAll(/(?<!\S)([A-Z_][A-Z0-9_]*)=([0-9a-f]{16})(?!\S)/g)
  return new Map([...found].map(([, name = '', use = '']) => [name, use]))
}

/** Tells uses apart by all that they say of their profile. No secret. */
function who({ mode, profile, keys, clientId, config }: Inputs): string {
  const said = JSON.stringify([mode, profile, [...keys].sort(), clientId, config])
  return createHash('sha256').update(said).digest('hex').slice(0, 16)
}
