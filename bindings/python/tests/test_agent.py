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


def test_the_agent_says_where_the_api_of_each_profile_is(world: World) -> None:
    socket = world.folder / "agent" / "s"
    socket.parent.mkdir(mode=0o700)
    config = world.folder / "two.toml"
    client = 'client_id = "sandbox"\nclient_secret = { env = "SECRET" }\n'
    config.write_text(
        f'[profile.ireland]\nprovider = "genesys-cloud"\nregion = "eu-west-1"\n{client}'
        f'[profile.elsewhere]\ntoken_url = "{world.sandbox.url}/oauth/token"\napi_url = "https://api.example.com"\n{client}'
    )
    config.chmod(0o600)
    base = {"PATH": os.environ["PATH"], "HOME": str(world.folder), "SECRET": "sandbox-secret"}
    command = ["daypass", "--config", str(config), "agent", "ireland", "elsewhere", "--detach", "--socket", str(socket), "--lifetime", "60s"]
    subprocess.run(command, env=base, check=True, timeout=60, capture_output=True)
    try:
        # A region here is that of one of them at most.
        env = {"DAYPASS_AGENT": f"unix:{socket}", "GC_REGION": "us-east-1"}
        told = [daypass.TokenSource(name, env=env).api_url for name in (None, "ireland", "elsewhere")]
        assert told == ["https://api.mypurecloud.ie", "https://api.mypurecloud.ie", "https://api.example.com"]
    finally:
        subprocess.run(["daypass", "agent", "--stop", "--socket", str(socket)], env=base, check=True, timeout=60, capture_output=True)


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
