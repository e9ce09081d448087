// The step itself: daypass on PATH, an agent that has the secret, a token as proof, and what later steps need to ask.

import { rm } from 'node:fs/promises'

import { type Found, install, withoutInputs } from './binary.ts'
import { Commands } from './commands.ts'
import { Daypass } from './daypass.ts'
import { emptySecretHint, readEvent } from './event.ts'
import { type Inputs, located, readInputs, seconds } from './inputs.ts'
import { openJob, removeFolder, trusted, trustedConfig, writeConfig } from './job.ts'
import { basic, forms } from './masks.ts'
import { Problem } from './problem.ts'
import { FILES, OWN, toml, variablesOf } from './profile.ts'
import { type Named, Share } from './share.ts'
import { type Agent, gatewayOf, placeOf, startAgent, stopAgent } from './agent.ts'
import { type Status, readStatus } from './status.ts'
import { span } from './summary.ts'
import { GIVEN, demandFree, noteGiven, tokenVariable } from './variables.ts'
import { inInputs } from './words.ts'
import type { World } from './world.ts'

/** All that post is told. */
const STATES = ['folder', 'first', 'binary', 'sha256', 'client', 'place', 'socket', 'agent', 'profile', 'expires', 'fingerprint', 'status']

export async function main(world: World): Promise<number> {
  const commands = new Commands(world)
  try {
    await run(world, commands)
    return 0
  } catch (error) {
    commands.error(Problem.of(error))
    return 1
  }
}

async function run(world: World, commands: Commands): Promise<void> {
  // Whatever becomes of this use: what post finds was said here, and not by a step in variables of these names.
  await commands.states(STATES.map(name => [name, '']))
  const inputs = await checked(world, commands)
  if (inputs.mode === 'token') demandFree(world.env, inputs, [tokenVariable(inputs)])
  const job = await openJob(world)
  const { folder } = job
  try {
    await commands.states([['folder', folder], ['first', String(job.agent === undefined)]])
  } catch (error) {
    // Post will not know of it.
    if (job.agent === undefined) await removeFolder(folder)
    throw error
  }
  const found = await install(world, commands, inputs, folder)
  await commands.state('binary', found.path)
  await commands.state('sha256', found.sha256)
  const named = await name(world.env, inputs, folder)
  const daypass = new Daypass(world, commands, found, environment(world, folder))
  const share = inputs.share === 'cache' ? await Share.open(world, commands, daypass, inputs, named) : undefined
  if (share !== undefined && inputs.clientId !== undefined) await commands.state('client', inputs.clientId)
  const restored = await share?.restore()
  const path = await placeOf(world, commands, job)
  let agent: Agent
  try {
    agent = await startAgent(world, commands, daypass, inputs, job, named, path)
    const token = await prove(commands, daypass, inputs, agent)
    await commands.state('profile', agent.profile)
    await commands.state('expires', token.expiresAt)
    if (share !== undefined) await offer(commands, daypass, share, agent, restored)
    await hand(world, commands, inputs, found, agent, token)
  } catch (error) {
    // The job may go on: not with an agent that has the secret and that nobody uses. Revoking is for post.
    if (job.agent === undefined && !inputs.revoke) await forsake(world, commands, path)
    throw error
  } finally {
    // The agent has read it, and it may hold the password of a proxy.
    if (inputs.config === undefined) await rm(named.config, { force: true })
  }
  // Its one token is in the environment by now, and nobody will ask for another; only who revokes it needs the agent.
  if (inputs.mode === 'token' && !agent.joined && !inputs.revoke) {
    const status = inputs.summary ? await ask(daypass, agent, agent.profile).catch(() => undefined) : undefined
    if (status !== undefined) await commands.state('status', JSON.stringify(status))
    await stopAgent(world, daypass, path)
    await commands.state('socket', '')
  }
}

async function forsake(world: World, commands: Commands, path: string): Promise<void> {
  await world.end(path)
  // Nothing is left to ask. What cannot be written now is no worse than what has gone wrong before.
  for (const name of ['agent', 'socket']) await commands.state(name, '').catch(() => undefined)
}

/** The inputs, as far as they may be believed; from here on the log hides the secret. */
async function checked(world: World, commands: Commands): Promise<Inputs> {
  const inputs = readInputs(world.env)
  if (inputs.config === undefined) commands.words = inInputs
  const event = await readEvent(world.env)
  if (inputs.clientSecret !== '') commands.mask(forms(inputs.clientSecret))
  if (inputs.clientSecret !== '' && inputs.clientId !== undefined) commands.mask(basic(inputs.clientId, inputs.clientSecret))
  if (inputs.cacheKey !== undefined) commands.mask(forms(inputs.cacheKey))
  if (inputs.config === undefined && inputs.clientSecret === '') {
    throw new Problem('config.secret_empty', 'client-secret is empty', emptySecretHint(event))
  }
  if (inputs.config === undefined && inputs.clientId === undefined) {
    throw new Problem('config.client_id_missing', 'client-id is empty', "is the variable's name spelled right? It is the ID of the OAuth client")
  }
  for (const secret of [inputs.clientSecret, inputs.clientId ?? '', inputs.cacheKey ?? '']) {
    if (/[\r\n\0]/.test(secret)) throw new Problem('config.invalid', 'a credential has several lines', 'it should be one line: was more pasted than meant?')
  }
  if (inputs.clientSecret !== inputs.clientSecret.trim()) {
    commands.mask(forms(inputs.clientSecret.trim()))
    commands.warning(new Problem('config.invalid', 'client-secret begins or ends with a space', 'it is used as it is: if the issuer refuses it, paste the secret anew'))
  }
  const proxy = password(inputs.keys.get('proxy'))
  if (proxy !== undefined) commands.mask(forms(proxy))
  const config = await trustedConfig(inputs, world.env, event)
  return { ...inputs, config, binary: inputs.binary && (await trusted('binary', inputs.binary, world.env, event)) }
}

function password(proxy: string | undefined): string | undefined {
  const text = /^[^/]*\/\/[^/@]*:([^/]*)@/.exec(proxy ?? '')?.[1]
  try {
    return text && decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What names the profile to daypass: the file of the workflow, or one that is made of its inputs. */
export async function name(env: World['env'], inputs: Inputs, folder: string): Promise<Named> {
  const keys = new Map(inputs.keys)
  for (const key of FILES) if (keys.has(key)) keys.set(key, located(env, keys.get(key) ?? ''))
  const config = inputs.config ?? (await writeConfig(folder, inputs.profile, toml(inputs.profile, keys, inputs.clientId !== undefined)))
  return { config, profile: inputs.profile, secrets: secrets(inputs) }
}

export function secrets(inputs: Inputs): string {
  const { id, secret } = inputs.config === undefined ? variablesOf(inputs.keys.get('provider')) : OWN
  const given = { [id]: inputs.clientId, [secret]: inputs.clientSecret || undefined, DAYPASS_CACHE_KEY: inputs.cacheKey }
  return Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}\n`])).join('')
}

/** The runner's environment without the inputs, and with a cache folder that goes with the job. */
export function environment(world: World, folder: string): Record<string, string> {
  const { DAYPASS_AGENT: _, DAYPASS_CONFIG: __, [GIVEN]: ___, ...env } = withoutInputs(world.env)
  return { ...env, DAYPASS_CACHE_DIR: `${folder}/store` }
}

interface Proof {
  readonly value: string
  readonly expiresAt: string
  readonly left: number
}

/** A token, before any step relies on one. */
async function prove(commands: Commands, daypass: Daypass, inputs: Inputs, agent: Agent): Promise<Proof> {
  const args = ['token', agent.profile, '--json', '--timeout', inputs.timeout]
  const answer = await daypass.json({ args, env: agent.env, wait: seconds(inputs.timeout) })
  const value = answer['access_token']
  if (typeof value !== 'string' || value === '') throw new Problem('action.internal', 'daypass answered without a token')
  commands.mask(forms(value))
  return { value, expiresAt: String(answer['expires_at']), left: Number(answer['expires_in']) }
}

export async function ask(daypass: Daypass, agent: Pick<Agent, 'env'>, profile: string): Promise<Status | undefined> {
  const args = ['status', profile, '--json']
  return readStatus(await daypass.json({ args, env: agent.env }), profile)
}

/** A token that came from elsewhere than the cache is there for others. */
async function offer(commands: Commands, daypass: Daypass, share: Share, agent: Agent, restored: string | undefined): Promise<void> {
  const token = (await ask(daypass, agent, agent.profile))?.token
  await commands.state('fingerprint', token?.fingerprint ?? '')
  if (token !== undefined && token.fingerprint !== restored) await share.save(token.expiresAt)
}

async function hand(world: World, commands: Commands, inputs: Inputs, found: Found, agent: Agent, token: Proof): Promise<void> {
  const gateway = inputs.mode === 'gateway' ? gatewayOf(agent) : {}
  const names = inputs.mode === 'token' ? [tokenVariable(inputs)] : Object.keys(gateway)
  demandFree(world.env, inputs, names)
  await commands.path(found.path.replace(/\/daypass$/, ''))
  if (inputs.mode === 'token') {
    await commands.export(tokenVariable(inputs), token.value)
  } else if (world.env['DAYPASS_AGENT'] !== agent.address) {
    await commands.export('DAYPASS_AGENT', agent.address)
  }
  if (names.length > 0) await noteGiven(commands, world.env, inputs, names)
  for (const [name, value] of Object.entries(gateway)) {
    // Good for nothing elsewhere, and still no reading for others on this machine.
    if (value.startsWith('daypass-local-')) commands.mask([value])
    await commands.export(name, value)
  }
  if (inputs.outputToken) await commands.output('token', token.value)
  await commands.output('profile', agent.profile)
  await commands.output('expires-at', token.expiresAt)
  if (gateway['DAYPASS_GATEWAY_URL']) await commands.output('gateway-url', gateway['DAYPASS_GATEWAY_URL'])
  commands.info(`daypass: ${agent.profile} has a token for ${span(token.left)}; daypass from ${found.from}`)
}
