#!/usr/bin/env bash
# The command: each step asks for the token that is valid now. GC_CLIENT_ID, GC_CLIENT_SECRET, GC_REGION.
set -euo pipefail

api=${GENESYS_API:-https://api.mypurecloud.ie}

users() {
  daypass token --format curl | curl -sf --config - "$api/api/v2/users" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["total"], "users")'
}

echo "first step: $(users)"
sleep "${PAUSE:-600}"
echo "second step: $(users)"
