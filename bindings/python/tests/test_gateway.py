"""`daypass.genesys.gateway()`: for whatever is not the SDK."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
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


def test_ctrl_c_leaves_it_to_the_end_of_the_block(daypass_genesys_sandbox: Sandbox) -> None:
    script = (
        "import daypass.genesys, time, urllib.request\n"
        "with daypass.genesys.gateway() as gateway:\n"
        "    try:\n"
        "        print(gateway.url, flush=True)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(0.3)\n"
        "        try:\n"
        "            urllib.request.urlopen(gateway.url, timeout=5)\n"
        "        except urllib.request.HTTPError as error:\n"
        "            print('it answers', flush=True)\n"
    )
    # A terminal sends it to the whole group.
    job = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert job.stdout is not None
    url = job.stdout.readline().strip()
    os.killpg(job.pid, signal.SIGINT)
    assert job.communicate(timeout=30)[0] == "it answers\n"
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=2)


def test_it_can_be_entered_again(daypass_genesys_sandbox: Sandbox) -> None:
    gateway = daypass.genesys.gateway()
    with gateway as outer:
        url = outer.url
        with gateway as inner, gateway:
            assert inner is outer and inner.url == url
        with pytest.raises(urllib.request.HTTPError):
            urllib.request.urlopen(url, timeout=5)
        assert gateway.start().url == url
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=2)
    with gateway:
        with pytest.raises(urllib.request.HTTPError):
            urllib.request.urlopen(gateway.url, timeout=5)


def test_a_gateway_is_not_pickled_with_the_secret_in_its_environment() -> None:
    gateway = daypass.genesys.gateway(env={"GC_CLIENT_SECRET": "very-secret"})
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="can't be pickled"):
            attempt(gateway)
