// Every key of a profile reaches daypass; what TOML could misread is escaped.

import { type Scenario, SECRET } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: {
    'token-url': 'https://auth.example.com/oauth/token',
    'client-id': 'billing-ci',
    'client-secret': SECRET,
    'client-auth': 'client_secret_post',
    grant: 'client_credentials',
    scopes: 'invoices:read  invoices:write',
    audience: 'https://api.example.com/"quoted"\\\u007f',
    resource: 'https://a.example\n\n https://b.example',
    params: 'tenant=42\nnote = a=b',
    hosts: 'api.example.com',
    'token-hosts': 'login.example.com, other.example.com',
    'min-ttl': '10m',
    'max-ttl': '2h',
    'assume-ttl': '300',
    'api-url': 'https://api.example.com',
    'revocation-url': 'https://auth.example.com/revoke',
    'ca-file': '/etc/ca.pem',
    'api-ca-file': '/etc/api.pem',
    proxy: 'http://proxy.example:3128',
    pool: '03',
    mode: 'gateway',
    'cache-key': 'a text',
    lifetime: '2h',
    timeout: '5s',
    profile: 'billing',
    summary: 'false',
    binary: 'bin/daypass',
  },
  show: 'temp/daypass-action-random/billing.toml',
}
