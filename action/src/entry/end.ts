// Ends an agent that cannot be asked to: whatever has become of its file and its socket, its command line names the
// socket, which nobody else has. Where its memory is closed, as daypass does, that is all that its own user can read.

import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

const PATIENCE = 3000
const STEP = 25

/** Returns whether there was one. */
export async function end(socket: string, patience = PATIENCE): Promise<boolean> {
  const found = await agents(socket)
  // One that was stopped ends when it goes on.
  for (const pid of found) signal(pid, 'SIGTERM', 'SIGCONT')
  for (let waited = 0; waited < patience && (await agents(socket)).length > 0; waited += STEP) await pause(STEP)
  for (const pid of await agents(socket)) signal(pid, 'SIGKILL')
  return found.length > 0
}

/** The processes that are an agent with this socket; what has ended has no command line any more. */
async function agents(socket: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => [])
  const lines = await Promise.all(
    names.filter(name => /^\d+$/.test(name)).map(async name => ({ pid: Number(name), args: await commandLine(name) })),
  )
  return lines.filter(({ args }) => args.includes('agent') && args[args.indexOf('--socket') + 1] === socket).map(({ pid }) => pid)
}

async function commandLine(pid: string): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
}

function signal(pid: number, ...signals: NodeJS.Signals[]): void {
  try {
    for (const name of signals) process.kill(pid, name)
  } catch {
    // It has ended, or is somebody else's.
  }
}
