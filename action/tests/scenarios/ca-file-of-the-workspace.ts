// It starts where the other files start.

import { GENESYS, type Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  inputs: { ...GENESYS, 'ca-file': 'certs/ca.pem', 'api-ca-file': '/etc/api.pem' },
  show: 'temp/daypass-action-random/genesys-cloud.toml',
}
