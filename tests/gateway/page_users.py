"""Pages through a list with the vendor's SDK for so many seconds, as if there were no gateway: it logs in once and
knows nothing of tokens that end. Prints how many users it saw; any error ends it."""

import os
import sys
import time

import PureCloudPlatformClientV2 as genesys

if url := os.environ.get("GATEWAY_IN_CODE"):
    genesys.configuration.host = url
client = genesys.api_client.ApiClient().get_client_credentials_token(
    os.environ["GC_CLIENT_ID"], os.environ["GC_CLIENT_SECRET"]
)
users, end, seen = genesys.UsersApi(client), time.monotonic() + float(sys.argv[1]), 0
while time.monotonic() < end:
    for page in range(1, 4):
        seen += len(users.get_users(page_size=25, page_number=page).entities)
print(seen)
