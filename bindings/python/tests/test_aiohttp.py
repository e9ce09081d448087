"""The middleware for aiohttp."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

import daypass
import daypass.aiohttp
from conftest import World
from test_requests import Other, redirect  # noqa: F401


def run(source: daypass.TokenSource, work: Callable[[aiohttp.ClientSession], Awaitable[Any]], **more: Any) -> Any:
    async def session() -> Any:
        async with aiohttp.ClientSession(middlewares=[daypass.aiohttp.Middleware(source, **more)]) as session:
            return await work(session)

    return asyncio.run(session())


async def astream() -> AsyncIterator[bytes]:
    yield b"12345"


async def status(answer: Any) -> int:
    async with answer as got:
        await got.read()
        return int(got.status)


def test_a_revoked_token_is_replaced_and_the_call_repeated(world: World, source: daypass.TokenSource) -> None:
    async def work(session: aiohttp.ClientSession) -> list[int]:
        first = await asyncio.gather(*(status(session.get(world.api)) for _ in range(20)))
        world.sandbox.revoke_all()
        second = await asyncio.gather(*(status(session.get(world.api)) for _ in range(20)))
        return [*first, *second]

    assert set(run(source, work)) == {200}
    assert world.sandbox.token_requests == 2


@pytest.mark.parametrize("body", [b"12345", "12345", io.BytesIO(b"12345")], ids=lambda body: type(body).__name__)
def test_bodies_that_can_be_read_again_are_sent_whole_again(
    world: World, source: daypass.TokenSource, body: Any
) -> None:
    async def work(session: aiohttp.ClientSession) -> int:
        await status(session.get(world.api))
        world.sandbox.revoke_all()
        async with session.post(world.sandbox.url + "/api/echo", data=body) as answer:
            assert answer.status == 200
            return int((await answer.json())["body_bytes"])

    assert run(source, work) == 5


def test_a_stream_that_cannot_be_sent_again_returns_its_401(world: World, source: daypass.TokenSource) -> None:
    async def work(session: aiohttp.ClientSession) -> list[int]:
        await status(session.get(world.api))
        world.sandbox.revoke_all()
        return [await status(session.post(world.api, data=astream())) for _ in range(2)]

    assert run(source, work) == [401, 200]
    assert world.sandbox.token_requests == 2


def test_another_origin_is_never_shown_a_token(
    world: World, source: daypass.TokenSource, redirect: str  # noqa: F811
) -> None:
    async def work(session: aiohttp.ClientSession) -> list[int]:
        return [await status(session.get(redirect)), await status(session.get(Other_url()))]

    def Other_url() -> str:
        from test_requests import Redirect

        return Redirect.target

    assert run(source, work) == [401, 401]
    assert Other.seen == [None, None]
    assert world.sandbox.token_requests == 1
    assert run(source, work, origin=world.sandbox.url) == [401, 401]
    assert set(Other.seen) == {None}


def test_an_api_that_refuses_every_token_gets_two_and_no_more(world: World, source: daypass.TokenSource) -> None:
    async def work(session: aiohttp.ClientSession) -> list[int]:
        return [await status(session.get(world.sandbox.url + "/api/denied")) for _ in range(5)]

    assert run(source, work) == [401] * 5
    assert world.sandbox.token_requests <= 3
