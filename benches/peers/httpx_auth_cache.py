"""httpx-auth with its cache in a JSON file."""

import os

import httpx
from httpx_auth import JsonTokenFileCache, OAuth2, OAuth2ClientCredentials

OAuth2.token_cache = JsonTokenFileCache(f"{os.environ['DAYPASS_CACHE_DIR']}/httpx.json")
auth = OAuth2ClientCredentials(
    os.environ["OAUTH2_TOKEN_URL"],
    client_id=os.environ["OAUTH2_CLIENT_ID"],
    client_secret=os.environ["OAUTH2_CLIENT_SECRET"],
)
request = httpx.Request("GET", "https://api.example.com/")
next(auth.sync_auth_flow(request))
print(request.headers["Authorization"].removeprefix("Bearer "))
