"""The adapter for httpx, sync and async."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

import daypass
import daypass.httpx
from conftest import World
from test_requests import Other, redirect  # noqa: F401


@pytest.fixture
def client(source: daypass.TokenSource) -> Iterator[httpx.Client]:
    with httpx.Client(auth=daypass.httpx.Auth(source), trust_env=False) as client:
        yield client


def test_a_revoked_token_is_replaced_and_the_call_repeated(world: World, client: httpx.Client) -> None:
    assert client.get(world.api).status_code == 200
    world.sandbox.revoke_all()
    answer = client.post(world.sandbox.url + "/api/echo", json={"a": 1})
    assert answer.status_code == 200
    assert answer.json()["body_bytes"] == 7
    assert world.sandbox.token_requests == 2


def test_the_async_client_does_the_same(world: World, source: daypass.TokenSource) -> None:
    async def run() -> list[int]:
        async with httpx.AsyncClient(auth=daypass.httpx.Auth(source), trust_env=False) as client:
            first = await asyncio.gather(*(client.get(world.api) for _ in range(20)))
            world.sandbox.revoke_all()
            second = await asyncio.gather(*(client.get(world.api) for _ in range(20)))
            streamed = await client.post(world.api, content=astream())
            return [answer.status_code for answer in [*first, *second, streamed]]

    assert set(asyncio.run(run())) == {200}
    assert world.sandbox.token_requests == 2


async def astream() -> AsyncIterator[bytes]:
    yield b"12345"


def test_a_stream_that_cannot_be_sent_again_returns_its_401(world: World, client: httpx.Client) -> None:
    client.get(world.api)
    world.sandbox.revoke_all()
    assert client.post(world.api, content=iter([b"123", b"45"])).status_code == 401
    assert world.sandbox.token_requests == 1
    assert client.post(world.api, content=iter([b"123", b"45"])).status_code == 200
    assert world.sandbox.token_requests == 2


def test_an_async_stream_does_so_too(world: World, source: daypass.TokenSource) -> None:
    async def run() -> list[int]:
        async with httpx.AsyncClient(auth=daypass.httpx.Auth(source), trust_env=False) as client:
            await client.get(world.api)
            world.sandbox.revoke_all()
            return [(await client.post(world.api, content=astream())).status_code for _ in range(2)]

    assert asyncio.run(run()) == [401, 200]


def test_an_api_that_refuses_every_token_gets_two_and_no_more(world: World, client: httpx.Client) -> None:
    for _ in range(5):
        assert client.get(world.sandbox.url + "/api/denied").status_code == 401
    assert world.sandbox.token_requests <= 3


def test_another_host_is_never_shown_a_token(world: World, client: httpx.Client, redirect: str) -> None:  # noqa: F811
    assert client.get(redirect, follow_redirects=True).status_code == 401
    assert Other.seen == [None]
    assert world.sandbox.token_requests == 1


def test_tokens_go_over_tls(client: httpx.Client) -> None:
    with pytest.raises(daypass.ConfigError):
        client.get("http://api.example.com/")


def test_a_form_with_files_that_can_be_read_again_is_sent_whole_again(world: World, client: httpx.Client) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    sizes = set()
    for file, status in ((io.BytesIO(b"12345"), 200), (Pipe(b"12345"), 401)):
        client.get(world.api)
        world.sandbox.revoke_all()
        answer = client.post(world.sandbox.url + "/api/echo", files={"a": file}, data={"b": "1"})
        assert answer.status_code == status
        sizes.add(client.post(world.sandbox.url + "/api/echo", files={"a": io.BytesIO(b"12345")}, data={"b": "1"}).json()["body_bytes"])
        if status == 200:
            sizes.add(answer.json()["body_bytes"])
    assert len(sizes) == 1
