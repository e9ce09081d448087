"""A streaming upload with requests: a generator, so nobody knows how long it is before it ends."""

import os
import sys

import requests

size = int(sys.argv[1])


def parts():
    left = size
    while left:
        part = min(left, 65536)
        yield b"x" * part
        left -= part


url, token = os.environ["DAYPASS_GATEWAY_URL"], os.environ["GENESYSCLOUD_ACCESS_TOKEN"]
answer = requests.post(f"{url}/api/upload", data=parts(), headers={"Authorization": f"Bearer {token}"}, timeout=60)
answer.raise_for_status()
print(answer.json()["body_bytes"])
