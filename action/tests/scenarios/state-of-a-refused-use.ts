// Main has refused the file, and a step has said what main did not: no program of its choice is given the secret.

import { type Scenario, BINARY, SECRET, sha256 } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, share: 'cache' },
  event: { pull_request: { head: { repo: { full_name: 'acme/things' } } } },
  files: { 'work/daypass.toml': '', 'temp/daypass-action-random/x': '' },
  env: {
    GITHUB_EVENT_NAME: 'pull_request_target',
    ACTIONS_CACHE_URL: 'http://127.0.0.1:1/',
    ACTIONS_RUNTIME_TOKEN: 'runtime',
    STATE_folder: '$ROOT/temp/daypass-action-random',
    STATE_first: 'true',
    STATE_binary: '$ROOT/work/bin/daypass',
    STATE_sha256: sha256(BINARY),
    STATE_agent: 'unix:$ROOT/work/s',
    STATE_profile: 'p',
    STATE_socket: '$ROOT/temp/daypass-action-random/s',
  },
}
