"""`TokenSource`, `Token` and `token()`."""

from __future__ import annotations

import asyncio
import copy
import datetime
import pickle
import threading
import time
from collections.abc import Callable

import pytest

import daypass
from conftest import World, at_once


def test_one_request_serves_threads_and_tasks(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("delay_ms=200")
    tokens = at_once(32, lambda _: source.token())

    async def gathered() -> list[str]:
        return await asyncio.gather(*(source.atoken() for _ in range(500)))

    assert len({*tokens, *asyncio.run(gathered())}) == 1
    assert world.sandbox.token_requests == 1


def test_cold_tasks_share_one_request_and_leave_the_loop_free(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("delay_ms=300")

    async def gathered() -> tuple[set[str], int]:
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        ticking = asyncio.create_task(tick())
        tokens = await asyncio.gather(*(source.atoken() for _ in range(500)))
        ticking.cancel()
        return set(tokens), turns

    tokens, turns = asyncio.run(gathered())
    assert (len(tokens), world.sandbox.token_requests) == (1, 1)
    assert turns >= 3, "the loop went on meanwhile"


def test_other_threads_run_while_one_waits(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("delay_ms=400")
    waiting = threading.Thread(target=source.token)
    waiting.start()
    turns = 0
    while waiting.is_alive():
        turns += 1
        time.sleep(0.01)
    assert turns >= 5


def test_a_cancelled_task_leaves_the_request_to_the_others(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("delay_ms=300")

    async def run() -> str:
        first = asyncio.create_task(source.atoken())
        await asyncio.sleep(0.05)
        second = asyncio.create_task(source.atoken())
        await asyncio.sleep(0.05)
        first.cancel()
        return await second

    assert asyncio.run(run()) == source.token()
    assert world.sandbox.token_requests == 1


def test_a_token_tells_its_times_and_where_it_is_from(world: World, source: daypass.TokenSource) -> None:
    before = datetime.datetime.now(datetime.timezone.utc)
    token = source.get()
    assert (token.source, token.reason) == ("issuer", "cold")
    assert token.expires_at.tzinfo is datetime.timezone.utc
    hour = datetime.timedelta(hours=1)
    assert before + hour - datetime.timedelta(seconds=1) <= token.expires_at <= before + hour * 1.1
    assert 3000 < token.expires_in <= 3600
    assert source.get().source == "memory"
    assert world.source().get().source == "store"
    assert source.headers() == {"Authorization": f"Bearer {token.access_token}"}
    assert asyncio.run(source.aheaders()) == source.headers()


def test_the_same_string_is_handed_out_while_the_token_is_the_same(source: daypass.TokenSource) -> None:
    assert source.token() is source.token()
    old = source.token()
    source.reject(old)
    assert source.token() is not old


def test_a_hundred_rejections_of_one_token_cost_one_request(world: World, source: daypass.TokenSource) -> None:
    old = source.token()

    def rejected(_: int) -> str:
        source.reject(old)
        return source.token()

    new = set(at_once(100, rejected))
    assert len(new) == 1 and old not in new
    assert world.sandbox.token_requests == 2
    source.reject("no token of ours")
    source.reject("not even\n a token")
    assert source.token() in new


def test_a_rejection_does_not_block_the_loop_either(world: World, source: daypass.TokenSource) -> None:
    async def replaced() -> bool:
        old = await source.atoken()
        await source.areject(old)
        return old != await source.atoken()

    assert asyncio.run(replaced())
    assert world.sandbox.token_requests == 2


def test_min_ttl_is_a_promise(make_world: Callable[..., World]) -> None:
    source = make_world(lifetime=100).source()
    for enough in ("1m", 60, 60.0, datetime.timedelta(minutes=1)):
        assert source.token(min_ttl=enough)
    with pytest.raises(daypass.ConfigError) as caught:
        source.token(min_ttl="10m")
    assert caught.value.code == "token.min_ttl"
    for nonsense in ("10 parsecs", -1, float("nan")):
        with pytest.raises(ValueError, match="min_ttl"):
            source.token(min_ttl=nonsense)
    with pytest.raises(TypeError, match="min_ttl"):
        source.token(min_ttl=[])  # type: ignore[arg-type]


def test_fresh_tokens_share_a_request_too(world: World) -> None:
    world.source().token()
    time.sleep(0.01)  # times are told in milliseconds
    source = world.source()
    fresh = {source.token(fresh=True), source.token(fresh=True)}
    assert len(fresh) == 1
    assert world.sandbox.token_requests == 2


def test_an_expired_token_is_never_handed_out(make_world: Callable[..., World]) -> None:
    world = make_world(lifetime=1)
    source = world.source()
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        token = source.get()
        assert token.expires_in > 0 or token.source == "issuer"
        time.sleep(0.02)
    assert world.sandbox.token_requests >= 3


def test_neither_tokens_nor_sources_are_pickled_or_shown(source: daypass.TokenSource) -> None:
    token = source.get()
    for thing in (source, token):
        for refused in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="can't be pickled or copied"):
                refused(thing)
        for shown in (repr(thing), str(thing), f"{thing}"):
            assert token.access_token not in shown and "sandbox-secret" not in shown
    assert token.fingerprint in repr(token)


def test_the_token_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with pytest.raises(daypass.ConfigError) as caught:
        daypass.token()
    assert caught.value.code == "config.no_profile"
    for name, value in world.env.items():
        monkeypatch.setenv(name, value)
    token = daypass.token()
    assert token == daypass.token("oauth2") == asyncio.run(daypass.atoken())
    assert world.sandbox.token_requests == 1
    # In a notebook people set variables between two calls.
    monkeypatch.setenv("OAUTH2_CLIENT_SECRET", "wrong")
    with pytest.raises(daypass.Rejected):
        daypass.token()


def test_the_command_and_the_package_share_a_cache(world: World, source: daypass.TokenSource) -> None:
    told = world.python("import subprocess, sys; sys.stdout.write(subprocess.check_output(['daypass', 'token'], text=True))")
    assert told.communicate()[0].strip() == source.token(), told.stderr
    assert world.sandbox.token_requests == 1


def test_what_is_wrong_in_a_call_is_told_whether_or_not_there_is_a_token(source: daypass.TokenSource) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="timeout"):
            source.token(timeout="soon")
        with pytest.raises(ValueError, match="timeout"):
            asyncio.run(source.atoken(timeout=-1))
        assert source.token(timeout=5) == asyncio.run(source.atoken(timeout="5s", min_ttl=1))
