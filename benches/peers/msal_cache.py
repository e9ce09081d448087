"""msal with the persisted cache of msal-extensions, which locks its file.

msal knows Microsoft's issuers only, so its HTTP client is given another address to talk to.
"""

import json
import os

import msal
import requests
from msal_extensions import FilePersistence, PersistedTokenCache

TENANT = "https://login.microsoftonline.com/t"


class Answer:
    headers = {}

    def __init__(self, body):
        self.status_code, self.text = 200, json.dumps(body)

    def raise_for_status(self):
        pass


class Elsewhere:
    def get(self, url, **_):
        return Answer({
            "issuer": f"{TENANT}/v2.0",
            "token_endpoint": f"{TENANT}/oauth2/v2.0/token",
            "authorization_endpoint": f"{TENANT}/oauth2/v2.0/authorize",
        })

    def post(self, url, **_):
        form = {
            "grant_type": "client_credentials",
            "client_id": os.environ["OAUTH2_CLIENT_ID"],
            "client_secret": os.environ["OAUTH2_CLIENT_SECRET"],
        }
        return Answer(requests.post(os.environ["OAUTH2_TOKEN_URL"], data=form, timeout=60).json())

    def close(self):
        pass


app = msal.ConfidentialClientApplication(
    os.environ["OAUTH2_CLIENT_ID"],
    client_credential=os.environ["OAUTH2_CLIENT_SECRET"],
    authority=TENANT,
    instance_discovery=False,
    http_client=Elsewhere(),
    token_cache=PersistedTokenCache(FilePersistence(f"{os.environ['DAYPASS_CACHE_DIR']}/msal.bin")),
)
print(app.acquire_token_for_client(["https://api.example.com/.default"])["access_token"])
