"""`daypass.genesys.gateway()`: for whatever is not the SDK."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

import daypass
import daypass.genesys
from daypass.sandbox import Sandbox

CALL = """
import json, os, urllib.request
assert "sandbox-secret" not in str(dict(os.environ))
request = urllib.request.Request(os.environ["DAYPASS_GATEWAY_URL"] + "/api/v2/users",
                                 headers={"Authorization": "Bearer " + os.environ["GENESYSCLOUD_ACCESS_TOKEN"]})
print(json.load(urllib.request.urlopen(request))["total"])
"""


def test_a_command_that_knows_nothing_survives_a_revocation(daypass_genesys_sandbox: Sandbox) -> None:
    with daypass.genesys.gateway() as gateway:
        assert gateway.url.startswith("http://127.0.0.1:")
        for _ in range(2):
            told = subprocess.run(
                [sys.executable, "-c", CALL], env=gateway.env, capture_output=True, text=True, timeout=30
            )
            assert told.stdout == "60\n", told.stderr
            daypass_genesys_sandbox.revoke_all()
        assert "GC_CLIENT_SECRET" not in repr(gateway)
    assert daypass_genesys_sandbox.token_requests == 2
    with pytest.raises(OSError):
        urllib.request.urlopen(gateway.url, timeout=2)


def test_a_gateway_that_cannot_start_says_why(daypass_genesys_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GC_CLIENT_SECRET")
    with pytest.raises(daypass.ConfigError) as caught:
        daypass.genesys.gateway().start()
    assert caught.value.code == "config.secret_missing"


def test_it_ends_when_the_process_that_started_it_is_killed(daypass_genesys_sandbox: Sandbox) -> None:
    script = (
        "import daypass.genesys, json, sys, time\n"
        "gateway = daypass.genesys.gateway().start()\n"
        "print(json.dumps(gateway.url), flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    ends = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.request.HTTPError:
            assert time.monotonic() < ends, "it is still there"
            time.sleep(0.05)
        except OSError:
            break
