// What the runner understands: workflow commands in the log, and the files that it reads after the step.

import { appendFile } from 'node:fs/promises'

import { Problem, harmless } from './problem.ts'
import { type World, variable } from './world.ts'

export class Commands {
  readonly #world: World
  /** How what daypass says is said here. */
  words: (text: string) => string = text => text

  constructor(world: World) {
    this.#world = world
  }

  info(text: string): void {
    this.#world.print(`${harmless(text)}\n`)
  }

  mask(forms: readonly string[]): void {
    for (const form of forms) this.#command('add-mask', '', form)
  }

  error(problem: Problem): void {
    this.#annotate('error', problem)
  }

  warning(problem: Problem): void {
    this.#annotate('warning', problem)
  }

  async output(name: string, value: string): Promise<void> {
    await this.#entry('GITHUB_OUTPUT', name, value)
  }

  /** For all later steps. */
  async export(name: string, value: string): Promise<void> {
    await this.#entry('GITHUB_ENV', name, value)
  }

  /** From main to post. */
  async state(name: string, value: string): Promise<void> {
    await this.#entry('GITHUB_STATE', name, value)
  }

  /** All of them, or none. */
  async states(pairs: readonly (readonly [string, string])[]): Promise<void> {
    await this.#append('GITHUB_STATE', pairs.map(([name, value]) => this.#lines(name, value)).join(''))
  }

  async path(folder: string): Promise<void> {
    await this.#append('GITHUB_PATH', `${folder}\n`)
  }

  /** Not on every server there is. */
  async summary(markdown: string): Promise<void> {
    if (variable(this.#world.env, 'GITHUB_STEP_SUMMARY')) await this.#append('GITHUB_STEP_SUMMARY', markdown)
  }

  #annotate(kind: string, problem: Problem): void {
    this.#command(kind, ` title=daypass%3A ${property(problem.code)}`, this.words(problem.text))
  }

  #command(name: string, properties: string, value: string): void {
    this.#world.print(`::${name}${properties}::${data(value)}\n`)
  }

  async #entry(file: string, name: string, value: string): Promise<void> {
    await this.#append(file, this.#lines(name, value))
  }

  #lines(name: string, value: string): string {
    const end = `end-${this.#world.random()}`
    return `${name}<<${end}\n${value}\n${end}\n`
  }

  async #append(name: string, text: string): Promise<void> {
    const path = variable(this.#world.env, name)
    if (path === undefined) {
      throw new Problem('action.no_runner', `${name} is not set`, 'this runs in a step of GitHub Actions only')
    }
    await appendFile(path, text).catch((error: NodeJS.ErrnoException) => {
      throw new Problem('action.file_failed', `${name} cannot be written: ${error.code}`, 'may the runner write there, and is there space?')
    })
  }
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
