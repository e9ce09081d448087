"""No secret is shown: not by repr, not by a traceback with locals, not by any adapter's DEBUG log."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import PureCloudPlatformClientV2 as sdk
import pytest
import requests
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, HttpLoggingPolicy
from azure.core.rest import HttpRequest

import daypass
import daypass.aiohttp
import daypass.azure
import daypass.genesys
import daypass.google
import daypass.httpx
import daypass.requests
from conftest import World
from test_google import authorized

SECRET = "sentinel-secret-of-the-client"
PACKAGE = str(Path(daypass.__file__).parent)


def use_requests(world: World, source: daypass.TokenSource, url: str) -> object:
    session = requests.Session()
    session.auth = daypass.requests.Auth(source)
    return session.get(url, timeout=5), session.auth, session


def use_httpx(world: World, source: daypass.TokenSource, url: str) -> object:
    with httpx.Client(auth=daypass.httpx.Auth(source), trust_env=False) as client:
        return client.get(url), client.auth


def use_async_httpx(world: World, source: daypass.TokenSource, url: str) -> object:
    async def run() -> object:
        async with httpx.AsyncClient(auth=daypass.httpx.Auth(source), trust_env=False) as client:
            return await client.get(url)

    return asyncio.run(run())


def use_aiohttp(world: World, source: daypass.TokenSource, url: str) -> object:
    async def run() -> object:
        middleware = daypass.aiohttp.Middleware(source)
        async with aiohttp.ClientSession(middlewares=[middleware]) as session, session.get(url):
            return middleware

    return asyncio.run(run())


def use_azure(world: World, source: daypass.TokenSource, url: str) -> object:
    credential = daypass.azure.TokenCredential(source)
    policies: list[Any] = [BearerTokenCredentialPolicy(credential, "x"), HttpLoggingPolicy()]
    client: PipelineClient[Any, Any] = PipelineClient(world.sandbox.url, policies=policies)
    with client:
        return client.send_request(HttpRequest("GET", url), enforce_https=False), credential


def use_google(world: World, source: daypass.TokenSource, url: str) -> object:
    credentials = daypass.google.Credentials(source)
    return authorized(credentials).get(url), credentials


def use_genesys(world: World, source: daypass.TokenSource, url: str) -> object:
    client = daypass.genesys.configure(sdk.ApiClient(), source, host=url.split("/api/")[0])
    sdk.configuration.logger.log_level = 1
    try:
        client.call_api("/api/things", "GET", auth_settings=["PureCloud OAuth"])
    finally:
        sdk.configuration.logger.log_level = logging.CRITICAL + 1
    return client


def use_calls(world: World, source: daypass.TokenSource, url: str) -> object:
    def call(token: str) -> requests.Response:
        del token
        answer = requests.get(url, headers=source.headers(), timeout=5)
        answer.raise_for_status()
        return answer

    return daypass.call_with_token(source, call)


def use_token_cache(world: World, source: daypass.TokenSource, url: str) -> object:
    @daypass.token_cache(ttl=60, key=SECRET, name="sentinel")
    def fetch() -> dict[str, object]:
        return {"access_token": source.token(), "expires_in": 60}

    fetch()
    if "things" not in url:
        raise requests.HTTPError("refused")
    return fetch, fetch.as_source()


ADAPTERS = [
    use_requests, use_httpx, use_async_httpx, use_aiohttp, use_azure, use_google, use_genesys, use_calls, use_token_cache,
]


class Everything(logging.Handler):
    """Keeps every line of every logger."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()} {record.__dict__}")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    handler, root = Everything(), logging.getLogger()
    level, urllib3 = root.level, logging.getLogger("urllib3")
    silenced, urllib3.propagate = urllib3.propagate, True  # the SDK of Genesys Cloud silences it
    loggers = ["", "urllib3", "httpx", "httpcore", "aiohttp", "azure", "google", "daypass", "PureCloudPlatformClientV2"]
    before = [(name, logging.getLogger(name).level) for name in loggers]
    for name in loggers:
        logging.getLogger(name).setLevel(1)
    root.addHandler(handler)
    yield handler.lines
    root.removeHandler(handler)
    urllib3.propagate = silenced
    for name, level in before:
        logging.getLogger(name).setLevel(level)


def shown_by(thing: object) -> list[str]:
    things = thing if isinstance(thing, tuple) else (thing,)
    return [text for one in things for text in (repr(one), str(one), f"{one}")]


@pytest.mark.parametrize("use", ADAPTERS, ids=lambda use: use.__name__)
@pytest.mark.parametrize("happens", ["well", "revoked", "refused", "unreachable", "issuer"])
def test_nothing_shows_a_secret(
    world: World,
    logged: list[str],
    capfd: pytest.CaptureFixture[str],
    use: Callable[[World, daypass.TokenSource, str], object],
    happens: str,
) -> None:
    source = world.source()
    secrets = ["sandbox-secret", SECRET, source.token()]
    url = world.api
    if happens == "revoked":
        world.sandbox.revoke_all()
    elif happens == "refused":
        url = world.sandbox.url + "/api/denied"
    elif happens == "unreachable":
        url = "http://127.0.0.1:9/api/denied"
    elif happens == "issuer":
        world.sandbox.revoke_all()
        world.sandbox.fault("oauth_error=invalid_client")
    told: list[str] = []
    try:
        told += shown_by(use(world, source, url))
    except Exception as error:
        told += shown_by(error)
        whole = traceback.TracebackException.from_exception(error, capture_locals=True)
        told += list(ours(whole))
    secrets.append(world.source().get().access_token if happens != "issuer" else "-" * 20)
    told += capfd.readouterr()
    told += logged
    assert logged or use is use_token_cache, "at least the client logs"
    for secret in secrets:
        for text in told:
            assert secret not in text


def ours(error: traceback.TracebackException) -> Iterator[str]:
    """The locals of our own frames, and every message."""
    yield "".join(error.format_exception_only())
    for frame in error.stack:
        if frame.filename.startswith(PACKAGE):
            yield f"{frame.name}: {frame.locals}"
    for chained in (error.__cause__, error.__context__):
        if chained is not None:
            yield from ours(chained)


def test_errors_of_a_wrong_secret_do_not_show_it(world: World) -> None:
    with pytest.raises(daypass.Rejected) as caught:
        world.source(OAUTH2_CLIENT_SECRET=SECRET).token()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    for text in (*shown_by(caught.value), *ours(told)):
        assert SECRET not in text
