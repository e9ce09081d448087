// The clients of the oidc-provider that the tests use. Tests repeat ids and secrets: change both.

export const TTL_SECONDS = 600;
export const SHORT_TTL_SECONDS = 3;
export const RESOURCE = 'https://api.example.test';
export const RESOURCE_TTL_SECONDS = 300;
// A scope has to be one of these to come back in a token; api:admin is nobody's.
export const SCOPES = ['api:read', 'api:write', 'api:admin'];
// Characters that RFC 6749 section 2.3.1 wants form-encoded; oidc-provider takes only VSCHAR (%x20-7E) in a secret.
export const RESERVED_SECRET = 'p%40ss:w+rd/& ?=~"';

const client = (client_id, client_secret, more = {}) => ({
  client_id,
  client_secret,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'client_secret_basic',
  ...more,
});

export const clients = [
  client('basic', 'basic-secret'),
  client('post', 'post-secret', { token_endpoint_auth_method: 'client_secret_post' }),
  client('reserved', RESERVED_SECRET),
  client('re:served', 'colon-secret'),
  client('scoped', 'scoped-secret', { scope: 'api:read api:write' }),
  client('short', 'short-secret'),
];
