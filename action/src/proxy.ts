// The proxy of the environment, as curl and daypass read it. Pure.

import type { Environment } from './world.ts'

const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/** The variables for Node, which wants a scheme where others are content with a host and a port. */
export function withSchemes(env: Environment): Record<string, string> {
  const named = Object.entries(env).filter(([name]) => NAMES.includes(name.toUpperCase()))
  return Object.fromEntries(
    named.flatMap(([name, value = '']) => (value === '' ? [] : [[name, /^no_/i.test(name) || value.includes('://') ? value : `http://${value}`]])),
  )
}
