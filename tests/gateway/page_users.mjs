// Pages through a list with the vendor's SDK for so many seconds: it logs in once and knows nothing of tokens that
// end. Prints how many users it saw; any error ends it.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const genesys = require('purecloud-platform-client-v2');
const { hostname, port } = new URL(process.env.DAYPASS_GATEWAY_URL);
const client = genesys.ApiClient.instance;
client.setGateway({ host: hostname, protocol: 'http', port });
await client.loginClientCredentialsGrant(process.env.GC_CLIENT_ID, process.env.GC_CLIENT_SECRET);
const users = new genesys.UsersApi();
const end = Date.now() + Number(process.argv[2]) * 1000;
let seen = 0;
while (Date.now() < end) {
  for (let page = 1; page <= 3; page += 1) {
    seen += (await users.getUsers({ pageSize: 25, pageNumber: page })).entities.length;
  }
}
console.log(seen);
process.exit(0);
