// What `daypass status --json` says of one profile, as far as it is needed here.

export interface Status {
  readonly profile: string
  readonly place: string
  readonly token: { readonly fingerprint: string; readonly expiresAt: string; readonly left: number; readonly lifetime: number } | undefined
  /** Token requests that brought a token. */
  readonly made: number
  /** Tokens that were handed out without asking the issuer. */
  readonly saved: number
}

export function readStatus(answer: Record<string, unknown>, profile: string): Status | undefined {
  const profiles = Array.isArray(answer['profiles']) ? answer['profiles'].map(object) : []
  const found = profiles.find(one => one['profile'] === profile)
  if (found === undefined || found['error'] !== undefined) return undefined
  const token = found['token'] ? object(found['token']) : undefined
  const served = object(found['served'])
  return {
    profile: String(found['profile']),
    place: String(found['place'] ?? ''),
    token: token && {
      fingerprint: String(token['fingerprint']),
      expiresAt: String(token['expires_at']),
      left: number(token['expires_in']),
      lifetime: number(token['lifetime']),
    },
    made: number(served['issuer']),
    saved: ['memory', 'store', 'agent', 'waited'].reduce((sum, source) => sum + number(served[source]), 0),
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}
