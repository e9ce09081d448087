// The runner took no state, so what a step has said stands: the file that main refuses is refused in post too.

import { type Scenario, BINARY, SECRET, sha256 } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { config: 'daypass.toml', 'client-secret': SECRET, share: 'cache' },
  event: { pull_request: { head: { repo: { full_name: 'acme/things' } } } },
  files: { 'work/daypass.toml': '', 'temp/evil/daypass': BINARY, 'temp/daypass-action-random/x': '' },
  env: {
    GITHUB_EVENT_NAME: 'pull_request_target',
    GITHUB_STATE: '/dev/full',
    ACTIONS_CACHE_URL: 'http://127.0.0.1:1/',
    ACTIONS_RUNTIME_TOKEN: 'runtime',
    STATE_folder: '$ROOT/temp/daypass-action-random',
    STATE_binary: '$ROOT/temp/evil/daypass',
    STATE_sha256: sha256(BINARY),
    STATE_agent: 'unix:$ROOT/work/s',
    STATE_profile: 'p',
  },
}
