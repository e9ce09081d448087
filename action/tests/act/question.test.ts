// The question that this project is about: a pipeline that gets a token with client credentials, runs a step, waits until
// the token is dead, and runs another step. With Python and the vendor's SDK in both steps.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'

import { Bench } from './bench.ts'

/** With the package daypass and the SDK installed: bindings/python/check makes it. */
const PYTHON = process.env['DAYPASS_PYTHON'] ?? ''

const SCRIPTS = {
  agent: `
import PureCloudPlatformClientV2 as genesys, daypass.genesys
daypass.genesys.configure(genesys)
print(f"{genesys.UsersApi().get_users().total} users")
`,
  // Not a word of daypass, but for where the API is.
  gateway: `
import os, PureCloudPlatformClientV2 as genesys
genesys.configuration.host = os.environ["DAYPASS_GATEWAY_URL"]
client = genesys.api_client.ApiClient().get_client_credentials_token(
    os.environ["GENESYSCLOUD_OAUTHCLIENT_ID"], os.environ["GENESYSCLOUD_OAUTHCLIENT_SECRET"])
print(f"{genesys.UsersApi(client).get_users().total} users")
`,
}

for (const [mode, script] of Object.entries(SCRIPTS)) {
  test(`two steps around the end of a token, mode ${mode}`, async t => {
    assert.ok(existsSync(PYTHON), 'DAYPASS_PYTHON names no Python: run action/check')
    const bench = new Bench()
    t.after(() => bench.end())
    await bench.sandbox('--flavour', 'genesys', '--lifetime', '4s')
    writeFileSync(join(bench.repository, 'step.py'), script)
    const local = mode === 'gateway' ? 'daypass-local-*' : "''"
    const inputs = bench.inputs({ provider: 'genesys-cloud', region: 'eu-west-1', 'api-url': bench.url, mode })
    const { code, log } = await bench.run(
      bench.job(`
- uses: ./action
  with: { ${inputs} }
- name: the first step
  run: |
    case "\${GC_CLIENT_SECRET-}" in ${local}) ;; *) exit 1 ;; esac
    ${PYTHON} step.py
- run: sleep 5
- name: the second step
  run: ${PYTHON} step.py`),
    )
    assert.equal(code, 0, log)
    assert.equal(log.match(/\| \d+ users/g)?.length, 2, log)
    const answers = await bench.answers('/api/v2/users')
    assert.deepEqual(answers, [200, 200], 'no call ever had a dead token')
    assert.ok((await bench.tokenRequests()) >= 2)
    bench.leavesNothing()
  })
}
