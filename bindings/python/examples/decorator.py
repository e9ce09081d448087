"""Your own function that fetches a token, with one line above it."""

import base64
import json
import os
import time
import urllib.request

import daypass

API = os.environ.get("GENESYS_API", "https://api.mypurecloud.ie")


@daypass.token_cache(ttl=3600)
def get_token() -> dict:
    credentials = f"{os.environ['GC_CLIENT_ID']}:{os.environ['GC_CLIENT_SECRET']}".encode()
    request = urllib.request.Request(
        API.replace("//api.", "//login.") + "/oauth/token",
        data=b"grant_type=client_credentials",
        headers={"Authorization": "Basic " + base64.b64encode(credentials).decode()},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)  # with expires_in: it is replaced in time


def get_users(token: str) -> int:
    request = urllib.request.Request(API + "/api/v2/users", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["total"]


source = get_token.as_source()
print(f"first step: {daypass.call_with_token(source, get_users)} users")
time.sleep(float(os.environ.get("PAUSE", "600")))
print(f"second step: {daypass.call_with_token(source, get_users)} users")
