// The job's agent: started with the secrets by a pipe, joined by a second use in the same job, stopped by post.

import { join } from 'node:path'

import type { Commands } from './commands.ts'
import type { Daypass } from './daypass.ts'
import type { Inputs } from './inputs.ts'
import { type Job, rememberAgent, socketFolder } from './job.ts'
import { Problem, printable } from './problem.ts'
import { CLIENT_IDS } from './profile.ts'
import type { Named } from './share.ts'
import type { World } from './world.ts'

export interface Agent {
  readonly socket: string
  /** An earlier use in this job started it, and stops it. */
  readonly joined: boolean
  /** The value of DAYPASS_AGENT. */
  readonly address: string
  /** What the profile is called there. */
  readonly profile: string
  /** What a process needs to ask it. */
  readonly env: Readonly<Record<string, string>>
  readonly answer: Readonly<Record<string, unknown>>
}

/** The path of the agent's socket, there or to come. */
export async function placeOf(world: World, commands: Commands, job: Job): Promise<string> {
  if (job.agent !== undefined) return job.agent
  const place = await socketFolder(world, job.folder)
  if (place !== job.folder) await commands.state('place', place)
  const path = join(place, 's')
  // Known before there is one: a step that is cancelled now leaves no agent that post does not find.
  await commands.state('socket', path)
  return path
}

export async function startAgent(world: World, commands: Commands, daypass: Daypass, inputs: Inputs, job: Job, named: Named, path: string): Promise<Agent> {
  if (job.agent !== undefined && named.profile === '') {
    throw new Problem('usage', 'a second use in one job must say which profile of its config it means', 'add profile: NAME')
  }
  if (job.agent !== undefined && inputs.mode === 'gateway') {
    throw new Problem('usage', 'mode: gateway is for the first use in a job', 'let the other uses have mode: agent, and come after it')
  }
  if (job.agent !== undefined && inputs.revoke && !job.revokes) {
    throw new Problem('usage', 'revoke: true on a second use needs it on the first too', 'they share one agent, and it revokes only if it was started so')
  }
  const args = ['--config', named.config, 'agent', ...(named.profile === '' ? [] : [named.profile]), '--detach', '--json', '--socket', path]
  if (inputs.mode === 'gateway') args.push('--gateway')
  // What holds for an agent is said by who starts it.
  if (job.agent === undefined) args.push('--lifetime', inputs.lifetime, ...(inputs.revoke ? ['--allow-revoke'] : []))
  const answer = await daypass.json({ args, secrets: named.secrets })
  if (job.agent !== undefined && answer['joined'] !== true) {
    // It has none of the earlier profiles, and neither their lifetime nor what they allow.
    await stopAgent(world, daypass, path).catch(() => undefined)
    throw new Problem('agent.unreachable', 'the agent of an earlier use in this job has ended', 'did a step end it, or was the lifetime: of the first use over?')
  }
  const { socket } = answer
  if (typeof socket !== 'string') {
    throw new Problem('action.internal', 'daypass does not say where its agent is', 'are the Action and binary: of one version?')
  }
  const address = `unix:${socket}`
  const joined = job.agent !== undefined
  if (!joined) {
    // An agent that this job did not start has other secrets, and ends when others want.
    if (answer['joined'] === true) throw new Problem('action.no_start', `an agent that this job did not start is at ${printable(socket)}`)
    await rememberAgent(job.folder, socket, inputs.revoke)
  }
  await commands.state('agent', address)
  const profile = named.profile || firstOf(answer['profiles'])
  return { socket, joined, address, profile, env: { DAYPASS_AGENT: address }, answer }
}

/** A file's own default: the agent says what it is called. */
function firstOf(profiles: unknown): string {
  const first: unknown = Array.isArray(profiles) ? profiles[0] : undefined
  if (typeof first === 'string') return printable(first)
  throw new Problem('action.internal', 'daypass does not say which profile its agent has', 'are the Action and binary: of one version?')
}

/** Variables for the steps that use the gateway. */
export function gatewayOf(agent: Agent): Record<string, string> {
  const gateway = agent.answer['gateway']
  const env = typeof gateway === 'object' && gateway !== null ? (gateway as Record<string, unknown>)['env'] : undefined
  const pairs = typeof env === 'object' && env !== null ? Object.entries(env) : []
  const named = pairs.filter(([name]) => /^[A-Z_][A-Z0-9_]*$/.test(name)).map(([name, value]) => [name, printable(String(value))])
  const found = Object.fromEntries(named) as Record<string, string>
  // Programs look in any of the provider's variables.
  for (const names of [CLIENT_IDS.genesys, CLIENT_IDS.genesys.map(name => name.replace(/_ID$/, '_SECRET'))]) {
    const value = names.map(name => found[name]).find(value => value !== undefined)
    if (value !== undefined) for (const name of names) found[name] ??= value
  }
  if (found['DAYPASS_GATEWAY_URL'] === undefined) throw new Problem('action.internal', 'daypass does not say where its gateway is')
  return found
}

/** Asks it to end, and ends its process where it cannot be asked: a step may have changed daypass, or the socket. */
export async function stopAgent(world: World, daypass: Daypass, socket: string, answers = true): Promise<void> {
  // One that was asked in vain is not asked again.
  if (!answers && (await world.end(socket))) return
  try {
    await daypass.ask({ args: ['agent', '--stop', '--quiet', '--socket', socket] })
  } finally {
    await world.end(socket)
  }
}
