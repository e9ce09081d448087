// What comes in from the side: environment, time, processes, the network. `main` and `post` are functions of it; files
// are real, in the folders that the environment names.

/** The release whose binaries this copy of the Action starts. */
export interface Release {
  readonly version: string
  /** By platform, such as `linux-x64`. Empty in a checkout: a release fills it in. */
  readonly binaries: Readonly<Record<string, Binary>>
}

export interface Binary {
  /** The release's file. */
  readonly asset: string
  readonly sha256: string
  /** Of the wheels that hold the same binary. */
  readonly wheels: readonly string[]
}

/** A process to run to its end. */
export interface Start {
  readonly program: string
  readonly args: readonly string[]
  /** Never the workspace: what lies there may be a stranger's, and programs look where they are started. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Written to its stdin, which is then closed. */
  readonly input?: Uint8Array
  readonly timeout: number
}

export interface Ended {
  /** The exit code; -1 when it did not run or did not end in time. */
  readonly code: number
  /** It was ended because its time was over. */
  readonly late: boolean
  readonly stdout: Uint8Array
  readonly stderr: string
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface World {
  readonly env: Environment
  /** Node's platform and architecture, such as `linux-x64`. */
  readonly host: string
  readonly release: Release
  now(): Date
  /** A text that nobody can foresee. */
  random(): string
  /** Writes to the log, where workflow commands are read too. */
  print(text: string): void
  run(start: Start): Promise<Ended>
  /** Ends the process of the agent with this socket, and returns whether there was one. */
  end(socket: string): Promise<boolean>
  fetch(url: string, init: RequestInit): Promise<Response>
}

/** The variable's value, unless it is empty. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] || undefined
}
