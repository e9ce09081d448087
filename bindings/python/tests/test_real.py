"""requests, httpx and aiohttp against an authorization server that others wrote (tests/real)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests

import daypass
import daypass.aiohttp
import daypass.httpx
import daypass.requests

REAL = Path(os.environ.get("DAYPASS_TESTS_REAL") or Path(__file__).parents[3] / "tests" / "real")


class Provider:
    """A running oidc-provider."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [REAL / "oidc-provider.mjs", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self.url: str = self.ready["http"]

    def source(self, client: str, **more: str) -> daypass.TokenSource:
        config = self.folder / f"{client}.toml"
        lines = {"token_url": self.url + "/token", "client_id": client, "client_secret": f"{client}-secret", **more}
        config.write_text("[profile.real]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
        config.chmod(0o600)
        return daypass.TokenSource(config=config, env={"DAYPASS_CACHE_DIR": str(self.folder / "cache"), "HOME": "/nonexistent"})

    @property
    def token_requests(self) -> int:
        return int(requests.get(self.url + "/stats", timeout=5).json()["token_requests"])

    def revoke(self, client: str, token: str) -> None:
        answer = requests.post(
            self.url + "/token/revocation", auth=(client, f"{client}-secret"), data={"token": token}, timeout=5
        )
        assert answer.status_code == 200


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = Provider(tmp_path_factory.mktemp("provider"))
    yield provider
    assert provider.process.stdin is not None
    provider.process.stdin.close()
    provider.process.wait(10)


def pings(provider: Provider, source: daypass.TokenSource) -> Callable[[], list[int]]:
    """Calls the API with each client: two synchronous ones that live long, two asynchronous ones that don't."""
    session = requests.Session()
    session.auth = daypass.requests.Auth(source)
    client = httpx.Client(auth=daypass.httpx.Auth(source))
    ping = provider.url + "/api/ping"

    async def asynchronous() -> list[int]:
        async with (
            httpx.AsyncClient(auth=daypass.httpx.Auth(source)) as one,
            aiohttp.ClientSession(middlewares=[daypass.aiohttp.Middleware(source)]) as other,
        ):
            first = (await one.get(ping)).status_code
            async with other.get(ping) as answer:
                return [first, answer.status]

    return lambda: [session.get(ping).status_code, client.get(ping).status_code, *asyncio.run(asynchronous())]


def test_a_revoked_token_is_replaced_for_all_clients(provider: Provider) -> None:
    source = provider.source("basic")
    before = provider.token_requests
    ping = pings(provider, source)
    assert ping() == [200] * 4
    provider.revoke("basic", source.token())
    assert ping() == [200] * 4
    assert provider.token_requests - before == 2


def test_tokens_that_live_three_seconds(provider: Provider) -> None:
    before = provider.token_requests
    ping = pings(provider, provider.source("short"))
    ends = time.monotonic() + 7
    statuses: list[int] = []
    while time.monotonic() < ends:
        statuses += ping()
        time.sleep(0.05)
    # This server counts whole seconds: it may end a token up to one second early, and the next one too.
    assert statuses.count(200) > 0.8 * len(statuses)
    assert 3 <= provider.token_requests - before <= 6


def test_a_wrong_secret_and_a_wrong_scope_say_so(provider: Provider) -> None:
    with pytest.raises(daypass.Rejected) as caught:
        provider.source("basic", client_secret="wrong").token()
    assert "invalid_client" in caught.value.message
