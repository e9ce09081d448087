// axios: a request, and an upload as a stream.

import { Readable } from 'node:stream';

import axios from 'axios';

const api = axios.create({
  baseURL: process.env.DAYPASS_GATEWAY_URL,
  headers: { Authorization: `Bearer ${process.env.GENESYSCLOUD_ACCESS_TOKEN}` },
});
const size = Number(process.argv[2]);
function* parts() {
  for (let left = size; left > 0; left -= 65536) yield new Uint8Array(Math.min(left, 65536));
}
const get = await api.get('/api/v2/users', { params: { pageSize: 5 } });
const post = await api.post('/api/upload', Readable.from(parts()), { maxRedirects: 0 });
console.log(get.status, get.data.entities.length, post.status, post.data.body_bytes);
