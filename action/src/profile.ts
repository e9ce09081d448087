// From the inputs of the profile's keys to a daypass.toml without secrets. Pure.

import { Problem } from './problem.ts'

type Kind = 'text' | 'number' | 'list' | 'words' | 'table'

/** Every key of a profile that is an input, in kebab case there. */
export const KEYS: Readonly<Record<string, Kind>> = {
  provider: 'text',
  region: 'text',
  token_url: 'text',
  issuer: 'text',
  client_auth: 'text',
  grant: 'text',
  scopes: 'words',
  audience: 'text',
  resource: 'list',
  params: 'table',
  hosts: 'words',
  token_hosts: 'words',
  min_ttl: 'text',
  max_ttl: 'text',
  assume_ttl: 'text',
  api_url: 'text',
  revocation_url: 'text',
  ca_file: 'text',
  api_ca_file: 'text',
  proxy: 'text',
  pool: 'number',
}

/** Those that name a file: they too decide whom the secret is given to. */
export const FILES = ['ca_file', 'api_ca_file']

export interface Variables {
  readonly id: string
  readonly secret: string
}

/** The variables that name the client where no input does, as daypass knows them and in its order. */
export const CLIENT_IDS = {
  genesys: ['GENESYSCLOUD_OAUTHCLIENT_ID', 'GC_CLIENT_ID', 'GENESYS_CLOUD_CLIENT_ID'],
  generic: ['OAUTH2_CLIENT_ID'],
} as const

/** The variables by which the credentials reach daypass, and no other process, for a file that names them itself. */
export const OWN: Variables = { id: 'DAYPASS_CLIENT_ID', secret: 'DAYPASS_CLIENT_SECRET' }

/** The same for a file made here: with mode gateway, tools find local credentials in the variables that they read. */
export function variablesOf(provider: string | undefined): Variables {
  return provider === 'genesys-cloud'
    ? { id: 'GENESYSCLOUD_OAUTHCLIENT_ID', secret: 'GENESYSCLOUD_OAUTHCLIENT_SECRET' }
    : { id: 'OAUTH2_CLIENT_ID', secret: 'OAUTH2_CLIENT_SECRET' }
}

/** Returns the file's text; `inputs` has a key's text by the key's name, and not what is empty. */
export function toml(profile: string, inputs: ReadonlyMap<string, string>, withClientId: boolean): string {
  const lines = [`default = ${quoted(profile)}`, `[profile.${quoted(profile)}]`]
  for (const [key, kind] of Object.entries(KEYS)) {
    const text = inputs.get(key)
    if (text !== undefined) lines.push(`${key} = ${value(key, kind, text)}`)
  }
  const { id, secret } = variablesOf(inputs.get('provider'))
  // Without it the provider's own variable counts.
  if (withClientId) lines.push(`client_id = { env = "${id}" }`)
  lines.push(`client_secret = { env = "${secret}" }`)
  return `${lines.join('\n')}\n`
}

function value(key: string, kind: Kind, text: string): string {
  switch (kind) {
    case 'text':
      return quoted(text)
    case 'number':
      if (/^\d{1,9}$/.test(text)) return `${Number(text)}`
      throw new Problem('config.invalid', `${input(key)} is no number`)
    case 'words':
      return array(text.split(/[\s,]+/))
    case 'list':
      return array(text.split('\n'))
    case 'table':
      return table(key, text)
  }
}

function array(items: readonly string[]): string {
  return `[${items.map(item => item.trim()).filter(item => item !== '').map(quoted).join(', ')}]`
}

function table(key: string, text: string): string {
  const pairs = text.split('\n').filter(line => line.trim() !== '').map(line => {
    const at = line.indexOf('=')
    if (at < 1) {
      throw new Problem('config.invalid', `${input(key)} has a line without a name`, `write one a line: NAME=VALUE`)
    }
    return `${quoted(line.slice(0, at).trim())} = ${quoted(line.slice(at + 1).trim())}`
  })
  return `{ ${pairs.join(', ')} }`
}

/** JSON's escapes are TOML's too; what JSON leaves as it is and TOML does not take is escaped here. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\x9f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function input(key: string): string {
  return key.replaceAll('_', '-')
}
