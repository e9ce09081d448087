"""`call_with_token` and `retry_unauthorized`."""

from __future__ import annotations

import asyncio
import functools
import traceback
import types
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import requests

import daypass
from conftest import World


class Raised(Exception):
    """An exception of some client."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__("raised")
        self.__dict__.update(attributes)


REFUSALS = [
    Raised(status=401),
    Raised(status_code=401),
    Raised(response=types.SimpleNamespace(status_code=401)),
    Raised(response=types.SimpleNamespace(status=401, headers={})),
    Raised(code=401),
]
OTHERS = [
    Raised(status=403),
    Raised(),
    Raised(status=401, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}),
    ValueError("no"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: str(error.__dict__))
def test_a_401_is_followed_by_one_more_call(world: World, source: daypass.TokenSource, error: Exception) -> None:
    seen: list[str] = []

    def call(token: str, more: int) -> int:
        seen.append(token)
        if len(seen) == 1:
            raise error
        return more

    assert daypass.call_with_token(source, call, 7) == 7
    assert len(seen) == 2 and seen[0] != seen[1]
    assert world.sandbox.token_requests == 2


def test_an_async_call_is_awaited_and_repeated_too(world: World, source: daypass.TokenSource) -> None:
    seen: list[str] = []

    async def call(token: str, *, more: int) -> int:
        seen.append(token)
        if len(seen) == 1:
            raise Raised(status=401)
        return more

    assert asyncio.run(daypass.call_with_token(source, call, more=7)) == 7
    assert len(seen) == 2 and seen[0] != seen[1]


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_anything_else_is_raised_as_it_is(world: World, source: daypass.TokenSource, error: Exception) -> None:
    def call(token: str) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        daypass.call_with_token(source, call)
    assert caught.value is error
    assert world.sandbox.token_requests == 1


def test_a_second_401_is_raised_and_damps(world: World, source: daypass.TokenSource) -> None:
    calls = 0

    def call(token: str) -> None:
        nonlocal calls
        calls += 1
        raise Raised(status=401)

    for number in range(5):
        with pytest.raises(Raised):
            daypass.call_with_token(source, call)
        if number == 1:
            assert world.sandbox.token_requests == 2, "no third one at once"
    assert world.sandbox.token_requests <= 3, "the credential is the problem, not the token"
    assert calls <= 10


def test_a_decorated_call_asks_the_source_itself(world: World, source: daypass.TokenSource) -> None:
    @daypass.retry_unauthorized(source)
    def get(path: str) -> int:
        answer = requests.get(world.sandbox.url + path, headers=source.headers())
        answer.raise_for_status()
        return answer.status_code

    assert get("/api/things") == 200
    world.sandbox.revoke_all()
    assert get("/api/things") == 200
    assert world.sandbox.token_requests == 2
    with pytest.raises(requests.HTTPError):
        get("/api/denied")


def test_a_decorated_async_call_does_so_too(world: World, source: daypass.TokenSource) -> None:
    @daypass.retry_unauthorized(source)
    async def get(path: str) -> int:
        async with httpx.AsyncClient() as client:
            answer = await client.get(world.sandbox.url + path, headers=await source.aheaders())
        answer.raise_for_status()
        return answer.status_code

    assert asyncio.run(get("/api/things")) == 200
    world.sandbox.revoke_all()
    assert asyncio.run(get("/api/things")) == 200
    assert world.sandbox.token_requests == 2


def test_a_cached_function_is_a_source(world: World) -> None:
    calls = 0

    @daypass.token_cache(ttl=60)
    def fetch(client: str) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return {"access_token": f"{client}-{calls}", "expires_in": 60}

    def call(token: str) -> str:
        if token == "ci-1":
            raise Raised(status=401)
        return token

    assert daypass.call_with_token(fetch.as_source("ci"), call) == "ci-2"


def test_a_traceback_with_locals_does_not_show_the_token(source: daypass.TokenSource) -> None:
    @daypass.retry_unauthorized(source)
    def fails() -> None:
        raise ValueError

    @daypass.retry_unauthorized(source)
    async def fails_later() -> None:
        raise ValueError

    for call in (fails, lambda: asyncio.run(fails_later())):
        with pytest.raises(ValueError) as caught:
            call()
        told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert source.token() not in "".join(told.format())


def test_what_only_returns_something_to_await_is_awaited_and_repeated(
    world: World, source: daypass.TokenSource
) -> None:
    seen: list[str] = []

    async def refused_once(token: str) -> int:
        seen.append(token)
        if len(seen) % 2:
            raise Raised(status=401)
        return len(seen)

    class Client:
        async def __call__(self, token: str) -> int:
            return await refused_once(token)

    async def run() -> list[int]:
        waited = daypass.call_with_token(source, lambda token: refused_once(token))
        return [
            await waited,
            await daypass.call_with_token(source, functools.partial(refused_once)),
            await daypass.call_with_token(source, Client()),
            await daypass.retry_unauthorized(source)(lambda: refused_once("decorated"))(),
        ]

    assert asyncio.run(run()) == [2, 4, 6, 8]


def test_a_generator_cannot_be_repeated_and_says_so(source: daypass.TokenSource) -> None:
    def pages(token: str) -> Iterator[int]:
        yield 1

    async def apages() -> AsyncIterator[int]:
        yield 1

    for wrong in (lambda: daypass.call_with_token(source, pages), lambda: daypass.retry_unauthorized(source)(apages)):
        with pytest.raises(TypeError, match="a generator runs after the call"):
            wrong()


def test_what_is_written_wrongly_says_how_it_is_written(source: daypass.TokenSource) -> None:
    @daypass.token_cache(ttl=60)
    def fetch() -> str:
        return "token"

    def call(token: str) -> None:
        raise AssertionError("not called")

    swapped: Any = daypass.call_with_token
    with pytest.raises(TypeError, match="swapped"):
        swapped(call, source)
    with pytest.raises(TypeError, match="not a int"):
        swapped(7, call)
    with pytest.raises(TypeError, match=r"f.as_source\(\)"):
        swapped(fetch, call)
    bare: Any = daypass.retry_unauthorized
    with pytest.raises(TypeError, match=r"@retry_unauthorized\(\)"):
        bare(call)
