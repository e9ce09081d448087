// The job's agent: started with the secrets by a pipe, joined by a second use in the same job, stopped by post.

import type { Commands } from './commands.ts'
import type { Daypass } from './daypass.ts'
import type { Inputs } from './inputs.ts'
import { Problem, printable } from './problem.ts'
import type { Named } from './share.ts'
import { type World, variable } from './world.ts'

export interface Agent {
  readonly socket: string
  readonly pid: number
  /** An earlier use in this job started it, and its post stops it. */
  readonly joined: boolean
  /** What a process needs to ask it. */
  readonly env: Readonly<Record<string, string>>
  readonly tokenVariable: string
  readonly answer: Readonly<Record<string, unknown>>
}

export async function startAgent(world: World, commands: Commands, daypass: Daypass, inputs: Inputs, named: Named): Promise<Agent> {
  const verb = inputs.mode === 'gateway' ? 'gateway' : 'agent'
  const args = ['--config', named.config, verb, ...(named.profile === '' ? [] : [named.profile]), '--detach', '--json', '--lifetime', inputs.lifetime]
  if (inputs.revoke) args.push('--allow-revoke')
  const answer = await daypass.json({ args, secrets: named.secrets })
  const { socket, pid } = answer
  if (typeof socket !== 'string' || typeof pid !== 'number') {
    throw new Problem('action.internal', 'daypass does not say where its agent is', 'are the Action and binary: of one version?')
  }
  const address = `unix:${socket}`
  const joined = variable(world.env, 'DAYPASS_AGENT') === address
  await commands.state('agent', address)
  if (!joined) await commands.state('pid', String(pid))
  const genesys = inputs.keys.get('provider') === 'genesys-cloud'
  const tokenVariable = genesys ? 'GENESYSCLOUD_ACCESS_TOKEN' : 'ACCESS_TOKEN'
  return { socket, pid, joined, env: { DAYPASS_AGENT: address }, tokenVariable, answer }
}

/** Variables for the steps that use the gateway. */
export function gatewayOf(agent: Agent): Record<string, string> {
  const env = agent.answer['env']
  const pairs = typeof env === 'object' && env !== null ? Object.entries(env) : []
  const named = pairs.filter(([name]) => /^[A-Z_][A-Z0-9_]*$/.test(name)).map(([name, value]) => [name, printable(String(value))])
  const found = Object.fromEntries(named) as Record<string, string>
  if (found['DAYPASS_GATEWAY_URL'] === undefined) throw new Problem('action.internal', 'daypass does not say where its gateway is')
  return found
}

export async function stopAgent(daypass: Daypass, agent: Pick<Agent, 'socket' | 'env'>): Promise<void> {
  await daypass.ask({ args: ['agent', '--stop', '--socket', agent.socket], env: agent.env })
}
