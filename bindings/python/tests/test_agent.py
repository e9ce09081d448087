"""Under an agent: the process has no secret, and the agent's token."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import daypass
from conftest import World

SCRIPT = """
import asyncio, json, os, daypass
assert not any(name.startswith("OAUTH2_CLIENT") for name in os.environ)
source = daypass.TokenSource()
first = source.get()
told = {"source": first.source, "same": source.token() == daypass.token() == first.access_token,
        "async": asyncio.run(source.atoken()) == first.access_token}
source.reject(first.access_token)
told["new"] = source.token() != first.access_token
told["expires_in"] = source.get().expires_in
told["repr"] = repr(source)
print(json.dumps(told))
"""


def test_the_agent_is_asked_and_the_secret_is_not_there(world: World) -> None:
    command = ["daypass", "exec", "--agent", "--", sys.executable, "-c", SCRIPT]
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder), **world.env}
    told = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout)
    assert said.pop("expires_in") > 3000
    assert said == {"source": "agent", "same": True, "async": True, "new": True, "repr": "<TokenSource default at an agent>"}
    assert world.sandbox.token_requests == 2


def test_the_region_still_says_where_the_api_is() -> None:
    env = {"DAYPASS_AGENT": "unix:/nowhere.sock", "GC_REGION": "eu_west_1"}
    assert daypass.TokenSource(env=env).api_url == "https://api.mypurecloud.ie"
    assert daypass.TokenSource(env={"DAYPASS_AGENT": "unix:/nowhere.sock"}).api_url is None


def test_an_agent_that_is_not_there_is_an_error_and_never_passed_by(world: World) -> None:
    with pytest.raises(daypass.Unavailable) as caught:
        world.source(DAYPASS_AGENT=f"unix:{world.folder}/nothing.sock").token()
    assert caught.value.code == "agent.unreachable"
    with pytest.raises(daypass.ConfigError):
        world.source(DAYPASS_AGENT="nonsense")
    assert world.sandbox.token_requests == 0


def test_an_empty_address_is_none(world: World) -> None:
    source = world.source(DAYPASS_AGENT="")
    assert source.get().source == "issuer"
