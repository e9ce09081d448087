"""The credentials for azure-core, in its own pipeline."""

from __future__ import annotations

import asyncio
import io
import pickle
import time
from typing import Any

import pytest
from azure.core import AsyncPipelineClient, PipelineClient
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RedirectPolicy
from azure.core.rest import HttpRequest

import daypass
import daypass.azure
from conftest import World
from test_requests import Other, redirect  # noqa: F401


def test_a_token_for_synchronous_clients(world: World, source: daypass.TokenSource) -> None:
    with daypass.azure.TokenCredential(source) as credential:
        token: AccessToken = credential.get_token("anything/.default")
        assert token.token == source.token()
        assert 3000 < token.expires_on - time.time() <= 3600
        assert credential.get_token_info("x").token == token.token
        new = credential.get_token("x", claims="{}")
        assert new.token != token.token
        with pytest.raises(TypeError, match="can't be pickled"):
            pickle.dumps(credential)
        assert token.token not in repr(credential)
    assert world.sandbox.token_requests == 2


def test_a_token_for_asynchronous_clients(world: World, source: daypass.TokenSource) -> None:
    async def run() -> tuple[str, str]:
        async with daypass.azure.AsyncTokenCredential(source) as credential:
            assert isinstance(credential, AsyncTokenCredential)
            token = await credential.get_token("x")
            assert (await credential.get_token_info("x")).token == token.token
            return token.token, (await credential.get_token("x", claims="{}")).token

    old, new = asyncio.run(run())
    assert old != new == source.token()


def test_in_a_pipeline(world: World, source: daypass.TokenSource) -> None:
    policy: Any = BearerTokenCredentialPolicy(daypass.azure.TokenCredential(source), "x")
    client: PipelineClient[Any, Any] = PipelineClient(world.sandbox.url, policies=[policy])
    with client:
        for _ in range(3):
            answer = client.send_request(HttpRequest("GET", world.api), enforce_https=False)
            assert answer.status_code == 200
    assert world.sandbox.token_requests == 1


def client_of(world: World, *policies: Any) -> Any:
    return PipelineClient(world.sandbox.url, policies=list(policies))


def test_a_policy_survives_a_revoked_token(world: World, source: daypass.TokenSource) -> None:
    with client_of(world, daypass.azure.BearerPolicy(source)) as client:
        for _ in range(4):
            assert client.send_request(HttpRequest("GET", world.api), enforce_https=False).status_code == 200
            world.sandbox.revoke_all()
        answer = client.send_request(HttpRequest("POST", world.api, content=io.BytesIO(b"{}")))
        assert answer.status_code != 401, "a file is read again"
        before = world.sandbox.token_requests
        world.sandbox.revoke_all()
        unread = client.send_request(HttpRequest("POST", world.api, content=iter([b"{}"])))
        assert unread.status_code == 401, "a generator is not"
        assert client.send_request(HttpRequest("GET", world.api)).status_code == 200
        assert world.sandbox.token_requests == before + 1
        with pytest.raises(daypass.ConfigError):
            client.send_request(HttpRequest("GET", "http://api.example.com/"), enforce_https=False)
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(daypass.azure.BearerPolicy(source))


def test_an_asynchronous_policy_survives_a_revoked_token(world: World, source: daypass.TokenSource) -> None:
    async def run() -> list[int]:
        policy: Any = daypass.azure.AsyncBearerPolicy(source)
        client: Any = AsyncPipelineClient(world.sandbox.url, policies=[policy])
        seen = []
        async with client:
            for _ in range(4):
                seen.append((await client.send_request(HttpRequest("GET", world.api))).status_code)
                world.sandbox.revoke_all()
        return seen

    assert asyncio.run(run()) == [200] * 4
    assert world.sandbox.token_requests == 4


def test_a_policy_shows_no_token_to_the_host_that_a_redirect_leads_to(
    world: World, source: daypass.TokenSource, redirect: str  # noqa: F811
) -> None:
    with client_of(world, RedirectPolicy(), daypass.azure.BearerPolicy(source)) as client:
        assert client.send_request(HttpRequest("GET", redirect)).status_code == 401
    assert Other.seen == [None]
    assert world.sandbox.token_requests == 1
