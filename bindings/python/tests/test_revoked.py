"""A token that worked is replaced at once, however often it is revoked; a place that refuses every token costs little."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import PureCloudPlatformClientV2 as sdk
import pytest
import requests

import daypass
import daypass.aiohttp
import daypass.azure
import daypass.genesys
import daypass.google
import daypass.httpx
import daypass.requests
from conftest import World
from daypass._bearer import Bearer, Sender
from daypass._refusals import (
    BAD_PLACE, DOUBTFUL, PLACES, REVOKED, SPARE, TOKENS, USELESS, Refusals, refusals_of, verdict,
)
from test_google import authorized

ROUNDS = 5
# What one client has for a GET of a path: the status.
Get = Callable[[str], int]


def with_requests(world: World, source: daypass.TokenSource) -> Get:
    session = requests.Session()
    session.trust_env = False
    session.auth = daypass.requests.Auth(source)
    return lambda path: session.get(world.sandbox.url + path).status_code


def with_httpx(world: World, source: daypass.TokenSource) -> Get:
    client = httpx.Client(auth=daypass.httpx.Auth(source), trust_env=False)
    return lambda path: client.get(world.sandbox.url + path).status_code


def with_async_httpx(world: World, source: daypass.TokenSource) -> Get:
    auth = daypass.httpx.Auth(source)

    async def get(path: str) -> int:
        async with httpx.AsyncClient(auth=auth, trust_env=False) as client:
            return (await client.get(world.sandbox.url + path)).status_code

    return lambda path: asyncio.run(get(path))


def with_aiohttp(world: World, source: daypass.TokenSource) -> Get:
    middleware = daypass.aiohttp.Middleware(source)

    async def get(path: str) -> int:
        async with aiohttp.ClientSession(middlewares=[middleware]) as session, session.get(world.sandbox.url + path) as got:
            return got.status

    return lambda path: asyncio.run(get(path))


def with_google(world: World, source: daypass.TokenSource) -> Get:
    session = authorized(daypass.google.Credentials(source))
    return lambda path: int(session.get(world.sandbox.url + path).status_code)


def with_genesys(world: World, source: daypass.TokenSource) -> Get:
    client = daypass.genesys.configure(sdk.ApiClient(), source, host=world.sandbox.url)

    def get(path: str) -> int:
        try:
            client.call_api(path, "GET", auth_settings=["PureCloud OAuth"])
        except sdk.rest.ApiException as error:
            return int(error.status)
        return 200

    return get


def raising(path: str, token: str) -> int:
    answer = requests.get(path, headers={"Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    return answer.status_code


def status_of(call: Callable[[], int]) -> int:
    try:
        return call()
    except requests.HTTPError as error:
        assert error.response is not None
        return error.response.status_code


def with_calls(world: World, source: daypass.TokenSource) -> Get:
    # One function for each path, as in a program.
    calls: dict[str, Callable[[str], int]] = {
        "/api/things": lambda token: raising(world.sandbox.url + "/api/things", token),
        "/api/denied": lambda token: raising(world.sandbox.url + "/api/denied", token),
    }
    return lambda path: status_of(lambda: daypass.call_with_token(source, calls[path]))


def with_async_calls(world: World, source: daypass.TokenSource) -> Get:
    async def things(token: str) -> int:
        return raising(world.sandbox.url + "/api/things", token)

    async def denied(token: str) -> int:
        return raising(world.sandbox.url + "/api/denied", token)

    calls = {"/api/things": things, "/api/denied": denied}
    return lambda path: status_of(lambda: asyncio.run(daypass.call_with_token(source, calls[path])))


def with_retry(world: World, source: daypass.TokenSource) -> Get:
    @daypass.retry_unauthorized(source)
    def things() -> int:
        return raising(world.sandbox.url + "/api/things", source.token())

    @daypass.retry_unauthorized(source)
    def denied() -> int:
        return raising(world.sandbox.url + "/api/denied", source.token())

    return lambda path: status_of(things if path == "/api/things" else denied)


CLIENTS = [
    with_requests, with_httpx, with_async_httpx, with_aiohttp, with_google, with_genesys, with_calls, with_async_calls,
    with_retry,
]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_token_that_worked_is_replaced_at_once_however_often_it_is_revoked(
    world: World, source: daypass.TokenSource, client: Callable[[World, daypass.TokenSource], Get]
) -> None:
    get = client(world, source)
    seen = []
    for _ in range(ROUNDS):
        seen += [get("/api/things"), get("/api/things")]
        world.sandbox.revoke_all()
    assert seen == [200] * 2 * ROUNDS
    assert world.sandbox.token_requests == ROUNDS


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_path_that_refuses_what_others_accept_costs_no_token_each_time(
    world: World, source: daypass.TokenSource, client: Callable[[World, daypass.TokenSource], Get]
) -> None:
    get = client(world, source)
    seen = []
    for _ in range(8):
        seen += [get("/api/things"), get("/api/denied")]
    assert seen == [200, 401] * 8
    assert world.sandbox.token_requests <= 4


AGENT = """
import daypass, daypass.requests, requests, sys
assert daypass.TokenSource().get().source == "agent"
session = requests.Session()
session.auth = daypass.requests.Auth()
for _ in range(5):
    print(session.get(sys.argv[1]).status_code, session.get(sys.argv[1]).status_code, flush=True)
    sys.stdin.readline()
"""


def test_so_it_is_through_an_agent(world: World) -> None:
    command = ["daypass", "exec", "--agent", "--", sys.executable, "-c", AGENT, world.api]
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder), **world.env}
    job = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert job.stdin is not None and job.stdout is not None
    for _ in range(5):
        assert job.stdout.readline() == "200 200\n"
        world.sandbox.revoke_all()
        job.stdin.write("\n")
        job.stdin.flush()
    job.communicate(timeout=20)
    assert world.sandbox.token_requests == 5


def test_a_caller_says_that_a_token_worked(world: World, source: daypass.TokenSource) -> None:
    async def areject(token: str) -> None:
        await source.areject(token, worked=True)

    tokens = set()
    for turn in range(6):
        token = source.token()
        tokens.add(token)
        source.reject(token, worked=True) if turn % 2 else asyncio.run(areject(token))
    assert len(tokens) == 6
    for _ in range(3):
        source.reject(source.token())
    assert source.token() == source.token(), "what did not work is damped"
    assert world.sandbox.token_requests <= 8


def test_a_function_s_token_is_replaced_so_too() -> None:
    calls = 0

    @daypass.token_cache(ttl=3600)
    def fetch() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return {"access_token": f"token-{calls}", "expires_in": 3600}

    for turn in range(4):
        assert fetch()["access_token"] == f"token-{turn + 1}"
        fetch.reject(fetch(), worked=True)
    for _ in range(3):
        fetch.reject(fetch())
    assert calls <= 6


def test_azure_takes_a_token_that_was_in_use_for_one_that_worked(
    world: World, source: daypass.TokenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential = daypass.azure.TokenCredential(source)
    asynchronous = daypass.azure.AsyncTokenCredential(source)
    now = time.monotonic()
    seen = set()
    credential.get_token("x")
    asyncio.run(asynchronous.get_token("x"))
    for turn in range(4):
        monkeypatch.setattr("daypass.azure.time", type("clock", (), {"monotonic": lambda turn=turn: now + 60 * turn}))
        asyncio.run(asynchronous.get_token("x")) if turn == 2 else None
        seen.add(credential.get_token("x", claims="{}").token)
    assert len(seen) == 4
    for _ in range(3):
        seen.add(credential.get_token("x", claims="{}").token)
    assert len(seen) == 4, "refused at once: damped"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_call_that_is_starved_until_its_new_token_is_revoked_too_goes_on(
    world: World,
    source: daypass.TokenSource,
    client: Callable[[World, daypass.TokenSource], Get],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    get, other = client(world, source), with_requests(world, source)
    # google-auth repeats a request twice at most.
    starved = 1 if client is with_google else 2
    assert [get("/api/things"), get("/api/things"), other("/api/things")] == [200] * 3
    left = starved
    repeated = Sender._repeated

    def late(self: Sender, fresh: Bearer) -> Bearer:
        nonlocal left
        if left:
            left -= 1
            assert other("/api/things") == 200, "somebody else is served with the new token"
            world.sandbox.revoke_all()
        return repeated(self, fresh)

    monkeypatch.setattr(Sender, "_repeated", late)
    world.sandbox.revoke_all()
    assert get("/api/things") == 200
    assert left == 0
    monkeypatch.undo()
    for _ in range(3):
        world.sandbox.revoke_all()
        assert [other("/api/things"), get("/api/things")] == [200, 200], "nobody doubts"
    assert world.sandbox.token_requests == 2 + starved + 3


def test_a_place_that_turned_bad_costs_few_tokens_while_others_are_served(
    source: daypass.TokenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = refusals_of(source)
    repeated = Sender._repeated

    def served_elsewhere(self: Sender, fresh: Bearer) -> Bearer:
        known.accept("good", fresh)
        return repeated(self, fresh)

    monkeypatch.setattr(Sender, "_repeated", served_elsewhere)
    known.accept("good", first := Bearer("Bearer " + source.token()))
    known.accept("turned", first)
    tokens = {first}
    for place in ["turned", "new"] * 6:
        sender = Sender(source, place)
        sent: Bearer | None = Bearer("Bearer " + source.token())
        while sent is not None:
            known.accept("good", sent)
            tokens.add(sent)
            sent = sender.successor(sent)
    assert len(tokens) <= 1 + SPARE + 2


@pytest.mark.parametrize(
    ("here", "anywhere", "good", "tokens", "expected"),
    [
        (True, True, True, 1, REVOKED),
        (True, True, True, 99, REVOKED),
        (False, True, True, 1, REVOKED),
        (False, True, True, 2, REVOKED),
        (False, True, True, 3, BAD_PLACE),
        (False, False, True, 1, DOUBTFUL),
        (False, False, True, 2, DOUBTFUL),
        (False, False, True, 3, USELESS),
        (False, True, False, 1, REVOKED),
        (False, True, False, 2, BAD_PLACE),
        (False, False, False, 1, USELESS),
        (False, False, False, 2, USELESS),
    ],
)
def test_what_a_refused_replacement_says(here: bool, anywhere: bool, good: bool, tokens: int, expected: str) -> None:
    assert verdict(here=here, anywhere=anywhere, good=good, tokens=tokens) == expected


def test_who_is_to_blame() -> None:
    known = Refusals()
    known.accept("good", "a")
    assert known.has_worked("good", "a") and known.trusts()
    assert not known.has_worked("good", "b")
    assert known.refused("bad", "b") == USELESS
    assert not known.has_worked("bad", "a") and not known.trusts()
    assert not known.blames_place("bad", "b"), "nobody has accepted b"
    known.accept("good", "b")
    assert known.trusts(), "it was accepted: whoever was refused told it sooner"
    assert known.blames_place("bad", "b")
    assert not known.blames_place("bad", "b"), "not accepted since the last time"
    known.accept("good", "b")
    assert not known.blames_place("good", "b"), "a place that nobody suspects"
    known.refused("bad", "c")
    assert not known.trusts()
    known.useful("bad", "b")
    assert known.trusts() and not known.blames_place("bad", "b")
    for number in range(1000):
        known.accept(f"p{number}", f"t{number}")
        known.refused(f"p{number}", "x")
        known.refused(f"q{number}", "x")
    assert len(known._accepted) <= TOKENS
    assert all(len(places) <= PLACES for places in (known._suspected, known._good, known._refused))


def test_a_credential_that_no_longer_works_is_doubted_once_for_each_token() -> None:
    known = Refusals()
    known.accept("place", "a")
    assert [known.refused("place", "b") for _ in range(16)] == [DOUBTFUL] * 16, "sixteen threads, one token"
    assert known._useless == 1 and known.may_wait("place", "b", 4.0)
    assert [known.refused("place", "c"), known.refused("place", "d")] == [DOUBTFUL, USELESS]
    assert not known.may_wait("place", "d", 60.0)
    assert not known.has_worked("place", "a")


def test_what_is_known_of_a_source_is_kept_with_it(source: daypass.TokenSource) -> None:
    assert refusals_of(source) is refusals_of(source)
    assert refusals_of(object()) is not refusals_of(object())
    token = source.token()
    refusals_of(source).accept("place", token)
    assert token not in json.dumps(vars(refusals_of(source)), default=repr)
