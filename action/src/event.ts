// Whether what lies in the workspace may have come with somebody else's change. Pure, but for reading the event.

import { readFile } from 'node:fs/promises'

import { type Environment, variable } from './world.ts'

/** Events that run with secrets while the change, and what is checked out, may be a stranger's. */
const STRANGERS = new Set(['pull_request_target', 'workflow_run', 'issue_comment', 'discussion_comment'])

export interface Event {
  readonly name: string
  readonly repository: string | undefined
  readonly actor: string | undefined
  /** What GitHub tells about it; undefined when it cannot be read. */
  readonly payload: unknown
}

export async function readEvent(env: Environment): Promise<Event> {
  const path = variable(env, 'GITHUB_EVENT_PATH')
  let payload: unknown
  try {
    if (path !== undefined) payload = JSON.parse(await readFile(path, 'utf8'))
  } catch {
    // Told apart from a payload by being undefined.
  }
  const name = variable(env, 'GITHUB_EVENT_NAME') ?? ''
  return { name, payload, repository: variable(env, 'GITHUB_REPOSITORY'), actor: variable(env, 'GITHUB_ACTOR') }
}

/** Whether the change is one of a fork. */
export function fromFork(event: Event): boolean {
  const change = field(event.payload, 'pull_request')
  if (change === undefined) return event.name.startsWith('pull_request') && event.payload === undefined
  const head = field(field(field(change, 'head'), 'repo'), 'full_name')
  // A fork that was deleted since has no repository any more.
  return typeof head !== 'string' || head.toLowerCase() !== event.repository?.toLowerCase()
}

/** Why files of the workspace may not say where the secret goes; undefined when they may. */
export function distrust(event: Event): string | undefined {
  if (STRANGERS.has(event.name)) return `a workflow that runs on ${event.name} may have a stranger's files there`
  if (event.name === '') return 'the runner does not say what this workflow runs on'
  if (fromFork(event)) return 'the pull request comes from a fork'
  return undefined
}

/** What an empty secret means here. */
export function emptySecretHint(event: Event): string {
  if (event.actor === 'dependabot[bot]') {
    return 'Dependabot gets no Actions secrets: add it under Settings, Secrets, Dependabot, or skip this step for dependabot[bot]'
  }
  // This event has them, whoever the change is of.
  if (fromFork(event) && event.name !== 'pull_request_target') {
    return (
      'pull requests from forks get no secrets. Skip this step for them: ' +
      'if: github.event.pull_request.head.repo.full_name == github.repository'
    )
  }
  return 'is the secret\'s name spelled right? Does this environment or repository have it? A reusable workflow needs `secrets: inherit`'
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
