// After the job, whatever became of it: what is new is shared, told and, where that is wanted, revoked; then the agent ends
// and the folder goes. Nothing here fails a job.

import { appendFile, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { stopAgent } from './agent.ts'
import { Commands } from './commands.ts'
import { Daypass } from './daypass.ts'
import { readEvent } from './event.ts'
import { type Inputs, readInputs } from './inputs.ts'
import { PLACE, demandFolder, removeFolder, trustedConfig } from './job.ts'
import { ask, environment, name } from './main.ts'
import { Problem } from './problem.ts'
import { Share } from './share.ts'
import type { Status } from './status.ts'
import { span, summary } from './summary.ts'
import { inInputs } from './words.ts'
import { type World, variable } from './world.ts'

export async function post(world: World): Promise<number> {
  const commands = new Commands(world)
  const state = (name: string) => variable(world.env, `STATE_${name}`)
  const folder = state('folder')
  // Main did not get far enough to leave anything.
  if (folder === undefined) return 0
  const told = new Set<string>()
  const attempt = async (work: () => Promise<void>) => {
    await work().catch((error: unknown) => {
      const problem = Problem.of(error)
      // What is wrong with the binary is wrong for all that it is asked.
      if (!told.has(problem.text)) commands.warning(problem)
      told.add(problem.text)
    })
  }
  const agent = state('agent')
  const [place, socket] = [state('place'), state('socket')]
  // What main said is believed: where TMPDIR is, a step may have changed.
  const may = async (path: string, prefix?: string) => {
    let fine = false
    await attempt(async () => {
      await demandFolder(path, prefix)
      fine = true
    })
    return fine
  }
  const folders = [...((await may(folder)) ? [folder] : []), ...(place !== undefined && (await may(place, PLACE)) ? [place] : [])]
  // Another use in this job has made what is in the folder, and cleans up.
  const owner = state('first') === 'true'
  const found = { path: state('binary') ?? '', sha256: state('sha256') ?? '' }
  const daypass = new Daypass(world, commands, found, environment(world, folder))
  let inputs: Inputs | undefined
  await attempt(async () => {
    const read = readInputs(world.env)
    // A step may have changed the variable that named it.
    inputs = { ...read, clientId: state('client') ?? read.clientId }
    if (inputs.config === undefined) commands.words = inInputs
  })
  const given = inputs
  let answers = true
  if (agent !== undefined && given !== undefined && folders.includes(folder)) {
    await attempt(async () => void (answers = await finish(world, commands, daypass, given, { folder, agent, state }, attempt)))
  }
  if (owner) {
    // Where nothing may be started, its process is still ended: it has the secret.
    const stop = async (socket: string) => void (folders.includes(folder) ? await stopAgent(world, daypass, socket, answers) : await world.end(socket))
    if (socket !== undefined && [folder, place].includes(dirname(socket))) await attempt(() => stop(socket))
    for (const path of folders) await attempt(() => removeFolder(path))
  }
  return 0
}

type State = (name: string) => string | undefined

interface Left {
  readonly folder: string
  readonly agent: string
  readonly state: State
}

/** Returns whether the agent answers. */
async function finish(
  world: World,
  commands: Commands,
  daypass: Daypass,
  inputs: Inputs,
  { folder, agent, state }: Left,
  attempt: (work: () => Promise<void>) => Promise<void>,
): Promise<boolean> {
  const profile = state('profile') ?? inputs.profile
  if (inputs.mode === 'token') warnOfAnEnd(world, commands, state('expires'))
  // Its agent has ended in main.
  if (inputs.mode === 'token' && state('first') === 'true' && !inputs.revoke) {
    await attempt(async () => {
      const status = inputs.summary ? kept(state('status'), world.now()) : undefined
      if (status !== undefined) await tell(commands, folder, status, false)
    })
    return true
  }
  const env = { DAYPASS_AGENT: agent }
  let status: Status | undefined
  let answers = false
  await attempt(async () => {
    status = await ask(daypass, { env }, profile).catch((error: unknown) => {
      throw gone(error, inputs, state('expires'))
    })
    answers = true
  })
  const { token } = status ?? {}
  if (inputs.share === 'cache' && token && token.fingerprint !== state('fingerprint')) {
    await attempt(async () => {
      // The secret goes to daypass once more, so what main did not believe counts here too.
      await trustedConfig(inputs, world.env, await readEvent(world.env))
      const share = await Share.open(world, commands, daypass, inputs, await name(world.env, inputs, folder))
      await share.save(token.expiresAt)
    })
  }
  // A token that has ended needs no revocation.
  let revoked = false
  if (inputs.revoke && token && token.left > 0) {
    await attempt(async () => {
      await daypass.json({ args: ['revoke', profile, '--json'], env })
      revoked = true
    })
  }
  const told = inputs.summary ? status : undefined
  if (told !== undefined) await attempt(() => tell(commands, folder, told, revoked))
  return answers
}

/** Each profile once, and the requests for one token once, however many uses there are in a job. */
async function tell(commands: Commands, folder: string, status: Status, revoked: boolean): Promise<void> {
  const mark = join(folder, `told-${(status.token?.fingerprint ?? status.profile).replace(/[^\w.-]/g, '')}`)
  const told = (await readFile(mark, 'utf8').catch(() => '')).split('\n').filter(name => name !== '')
  if (told.includes(status.profile)) return
  await appendFile(mark, `${status.profile}\n`, { mode: 0o600 }).catch(() => undefined)
  await commands.summary(summary(status, { revoked, as: told[0] }))
}

/** What main has kept of an agent that it has ended. */
function kept(text: string | undefined, now: Date): Status | undefined {
  if (text === undefined) return undefined
  const status = JSON.parse(text) as Status
  const { token } = status
  return token === undefined ? status : { ...status, token: { ...token, left: (Date.parse(token.expiresAt) - now.getTime()) / 1000 } }
}

/** An agent that does not answer any more was ended, or stopped, by something of this job. */
function gone(error: unknown, inputs: Inputs, expires: string | undefined): unknown {
  if (Problem.of(error).code !== 'agent.unreachable') return error
  const alive = inputs.revoke ? `, and its token was not revoked: it lives until ${expires ?? 'its end'}` : ''
  return new Problem('agent.unreachable', `the agent ended before the job, or does not answer${alive}`, `did a step end or stop it, or was lifetime: ${inputs.lifetime} over?`)
}

/** The token in the environment of the steps was one that nobody renews. */
function warnOfAnEnd(world: World, commands: Commands, expires: string | undefined): void {
  const ended = expires === undefined ? Number.NaN : Date.parse(expires)
  if (!(ended < world.now().getTime())) return
  const ago = span((world.now().getTime() - ended) / 1000)
  commands.warning(
    new Problem('action.token_ended', `the token that was given to the steps ended ${ago} before the job`, 'mode: agent gives each step one that is valid'),
  )
}
