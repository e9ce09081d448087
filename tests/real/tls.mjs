// A private CA and a certificate for localhost, made by openssl anew at each start.

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CONFIG = `
[req]
distinguished_name = name
prompt = no
[name]
CN = daypass test
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
`;

// Leaves ca.pem in the folder; the private keys are gone from it when this returns.
export function makeCertificates(folder) {
  const path = (name) => join(folder, name);
  const temporary = ['openssl.cnf', 'ca.key', 'server.key', 'server.pem'];
  const request = (...args) => execFileSync('openssl', [
    'req', '-x509', '-config', path('openssl.cnf'), '-days', '2', '-nodes',
    '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...args,
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    writeFileSync(path('openssl.cnf'), CONFIG);
    request('-extensions', 'ca', '-subj', '/CN=daypass test CA', '-keyout', path('ca.key'), '-out', path('ca.pem'));
    request('-extensions', 'server', '-subj', '/CN=localhost', '-keyout', path('server.key'),
      '-out', path('server.pem'), '-CA', path('ca.pem'), '-CAkey', path('ca.key'));
    return { caFile: path('ca.pem'), key: readFileSync(path('server.key')), cert: readFileSync(path('server.pem')) };
  } finally {
    for (const name of temporary) rmSync(path(name), { force: true });
  }
}
