"""The credentials for azure-core, in its own pipeline."""

from __future__ import annotations

import asyncio
import pickle
import time
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest

import daypass
import daypass.azure
from conftest import World


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
