// The job summary, and how durations read. Pure.

import { printable } from './problem.ts'
import type { Status } from './status.ts'

const BAR = 20

export interface More {
  /** The token was revoked after the job. */
  readonly revoked?: boolean
  /** The profile that is told of already and has the same token: the requests are the same, too. */
  readonly as?: string | undefined
}

export function summary(status: Status, { revoked = false, as }: More = {}): string {
  const { token } = status
  const life = token === undefined ? 'no token is cached' : revoked ? `revoked after ${span(token.lifetime - token.left)} of ${span(token.lifetime)}` : `\`${bar(token.left, token.lifetime)}\` ${span(token.left)} left of ${span(token.lifetime)}`
  const cells = [cell(status.profile), cell(status.place), life, ...(as === undefined ? [`${status.made}`, `${status.saved}`] : [`as ${cell(as)}`, `as ${cell(as)}`])]
  const head = ['profile', 'at', 'token', 'token requests made', 'saved']
  return `### daypass\n\n${row(head)}${row(head.map(() => '---'))}${row(cells)}\n`
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

function cell(text: string): string {
  return printable(text).replace(/[\\`*_[\]<>|&]/g, sign => `&#${sign.charCodeAt(0)};`)
}

function bar(left: number, lifetime: number): string {
  const full = Math.round(BAR * Math.min(1, Math.max(0, left / Math.max(lifetime, 1))))
  return '█'.repeat(full) + '░'.repeat(BAR - full)
}

export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  if (hours > 0) return `${hours}h${minutes > 0 ? ` ${minutes}m` : ''}`
  return minutes > 0 ? `${minutes}m` : `${whole}s`
}
