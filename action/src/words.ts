// daypass speaks of a file and of variables; who has written inputs has never seen those. Pure.

import { KEYS, input } from './profile.ts'

const NAMES: Readonly<Record<string, string>> = {
  GENESYSCLOUD_OAUTHCLIENT_ID: 'client-id',
  GENESYSCLOUD_OAUTHCLIENT_SECRET: 'client-secret',
  OAUTH2_CLIENT_ID: 'client-id',
  OAUTH2_CLIENT_SECRET: 'client-secret',
  DAYPASS_CACHE_KEY: 'cache-key',
}
const KEY = Object.keys(KEYS).join('|')
/** Those that are no words of English. */
const ODD = Object.keys(KEYS).filter(key => key.includes('_')).join('|')

/** What daypass says, in the names of the inputs. */
export function inInputs(text: string): string {
  return text
    .replace(/(?:[^\s:]*\/)?daypass-action-[^\s/]+\/[\w.-]+\.toml:\d+:\d+: /g, '')
    .replace(/\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b/g, name => NAMES[name] ?? name)
    .replace(new RegExp(`\\b(${KEY}) = "([^"]*)"(?: under \\[profile\\.[^\\]]+\\])?`, 'g'), (_, key: string, value: string) => `${input(key)}: ${value}`)
    .replace(/\[profile\.[^\]]+\]/g, 'this use')
    .replace(new RegExp(`(?<![\\w/.-])(${ODD})(?![\\w/.-]*[/=])`, 'g'), key => input(key))
    .replace(' in the profile', '')
    .replace('give this one another name, or daypass agent --stop and start the agent anew', 'give this use another name: profile: NAME')
}
