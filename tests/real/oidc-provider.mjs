#!/usr/bin/env node
// Starts oidc-provider on loopback, over http and https, and prints one JSON line when it is ready.
//
// usage: oidc-provider.mjs FOLDER [--http PORT] [--https PORT]
//
// FOLDER must exist; the CA certificate is written there (ca.pem) and stays the caller's to remove.
// Ports are free ones unless given. It ends when standard input closes, on SIGTERM and on SIGINT.

import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Provider, errors } from 'oidc-provider';
import { clients, RESOURCE, RESOURCE_TTL_SECONDS, SCOPES, SHORT_TTL_SECONDS, TTL_SECONDS } from './clients.mjs';
import { makeCertificates } from './tls.mjs';

// Standard output is for the ready line alone; the provider's notices ask for what only a product needs.
console.info = () => {};

process.stdin.resume().on('error', () => {}).on('close', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));

const { values, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { http: { type: 'string', default: '0' }, https: { type: 'string', default: '0' } },
});
if (!folder) {
  console.error('usage: oidc-provider.mjs FOLDER [--http PORT] [--https PORT]');
  process.exit(2);
}

// Both issuers answer for the same tokens, and none is dropped early: the built-in adapter keeps a thousand.
const stored = new Map();
class Adapter {
  constructor(model) { this.model = model; }
  async upsert(id, payload) { stored.set(`${this.model} ${id}`, payload); }
  async find(id) { return stored.get(`${this.model} ${id}`); }
  async destroy(id) { stored.delete(`${this.model} ${id}`); }
}

// Not generateKeyPairSync(...).export(...): with Node 20 that hangs once in a while.
function signingKey() {
  const pair = createECDH('prime256v1');
  const point = pair.generateKeys();
  const text = (bytes) => Buffer.from(bytes).toString('base64url');
  const d = Buffer.alloc(32);
  pair.getPrivateKey().copy(d, 32 - pair.getPrivateKey().length);
  return { kty: 'EC', crv: 'P-256', x: text(point.subarray(1, 33)), y: text(point.subarray(33)), d: text(d) };
}

const configuration = {
  adapter: Adapter,
  clients,
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  jwks: { keys: [{ ...signingKey(), alg: 'ES256', use: 'sig', kid: 'es256' }] },
  scopes: SCOPES,
  ttl: {
    ClientCredentials: (ctx, token, client) => {
      if (client.clientId === 'short') return SHORT_TTL_SECONDS;
      return token.resourceServer?.accessTokenTTL ?? TTL_SECONDS;
    },
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async (ctx, client, token) => token.clientId === client.clientId },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async () => undefined,
      getResourceServerInfo: async (ctx, resource) => {
        if (resource !== RESOURCE) throw new errors.InvalidTarget();
        return {
          audience: RESOURCE,
          scope: 'api:read api:write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: RESOURCE_TTL_SECONDS,
          jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
  },
};

// The provider takes Basic and body credentials alike from either kind of client; the count tells which was sent.
const stats = { token_requests: 0, with_authorization_header: 0 };

// What daypass's callers do with a token: an API that knows at once when it is revoked or has expired.
async function besideTheProvider(ctx, next) {
  if (ctx.method === 'POST' && ctx.path === '/token') {
    stats.token_requests += 1;
    if (ctx.get('authorization')) stats.with_authorization_header += 1;
  }
  if (ctx.method !== 'GET') return next();

  if (ctx.path === '/stats') {
    ctx.body = stats;
    return undefined;
  }
  if (ctx.path !== '/api/ping') return next();

  const bearer = /^bearer (\S+)$/i.exec(ctx.get('authorization'))?.[1];
  const token = bearer && await ctx.app.ClientCredentials.find(bearer);
  if (token?.isValid) {
    ctx.body = { client_id: token.clientId, scope: token.scope ?? '' };
  } else {
    ctx.status = 401;
    ctx.set('www-authenticate', bearer ? 'Bearer error="invalid_token"' : 'Bearer');
    ctx.body = bearer ? { error: 'invalid_token' } : { error: 'unauthorized' };
  }
  return undefined;
}

// An issuer has its port in its name, so the port comes first and the provider after it.
async function serve(server, wantedPort, issuerOf) {
  let handle;
  server.on('request', (request, response) => handle(request, response));
  server.listen(Number(wantedPort), '127.0.0.1');
  await once(server, 'listening');
  const issuer = issuerOf(server.address().port);
  const provider = new Provider(issuer, configuration);
  provider.use(besideTheProvider);
  handle = provider.callback();
  return issuer;
}

const { caFile, key, cert } = makeCertificates(resolve(folder));
const plain = await serve(http.createServer(), values.http, (port) => `http://127.0.0.1:${port}`);
const secure = await serve(https.createServer({ key, cert }), values.https, (port) => `https://localhost:${port}`);

process.stdout.write(`${JSON.stringify({
  http: plain,
  https: secure,
  ca_file: caFile,
  token_path: '/token',
  revocation_path: '/token/revocation',
  introspection_path: '/token/introspection',
})}\n`);
