"""`token_cache`: your own function, cached as daypass caches its tokens."""

from __future__ import annotations

import asyncio
import base64
import datetime
import decimal
import functools
import gc
import inspect
import json
import os
import threading
import time
import types
import warnings
from typing import Any

import pytest

import daypass
from conftest import at_once
from daypass._slot import Slot
from daypass._values import described


KEY_A, KEY_B = "a-secret-of-a-client", "b-secret-of-a-client"


class Issuer:
    """Counts calls and numbers tokens."""

    def __init__(self, pause: float = 0.0) -> None:
        self.calls = 0
        self.pause = pause

    def token(self) -> str:
        self.calls += 1
        number = self.calls
        time.sleep(self.pause)
        return f"token-{number}"


def test_threads_share_one_call() -> None:
    issuer = Issuer(0.2)

    @daypass.token_cache(ttl=3600)
    def fetch() -> str:
        return issuer.token()

    assert set(at_once(30, lambda _: fetch())) == {"token-1"}
    assert fetch.cache_info() == (29, 1, 128, 1)


def test_tasks_share_one_call_and_the_function_keeps_its_kind() -> None:
    calls = 0

    @daypass.token_cache(ttl="1h")
    async def fetch(who: str) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.1)
        return {"access_token": f"{who}-{calls}", "expires_in": 3600}

    async def run() -> list[dict[str, Any]]:
        return await asyncio.gather(*(fetch("a") for _ in range(100)))

    values = asyncio.run(run())
    assert inspect.iscoroutinefunction(fetch)
    assert {value["access_token"] for value in values} == {"a-1"}
    assert all(value is values[0] for value in values), "the object that the function returned, as with functools"
    assert asyncio.run(fetch("b"))["access_token"] == "b-2"


def test_a_cancelled_caller_leaves_the_call_to_the_others() -> None:
    calls = 0

    @daypass.token_cache(ttl=3600)
    async def fetch() -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.2)
        return f"token-{calls}"

    async def run() -> str:
        first = asyncio.create_task(fetch())
        await asyncio.sleep(0.05)
        second = asyncio.create_task(fetch())
        await asyncio.sleep(0.05)
        first.cancel()
        return await second

    assert (asyncio.run(run()), calls) == ("token-1", 1)


def test_a_loop_that_ends_leaves_the_call_to_another_loop() -> None:
    calls = 0
    started = threading.Event()

    @daypass.token_cache(ttl=3600)
    async def fetch() -> str:
        nonlocal calls
        calls += 1
        started.set()
        await asyncio.sleep(30 if calls == 1 else 0)
        return f"token-{calls}"

    async def impatient() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fetch(), 0.4)

    thread = threading.Thread(target=lambda: asyncio.run(impatient()))
    thread.start()
    started.wait()
    assert asyncio.run(fetch()) == "token-2"
    thread.join()


def test_a_call_in_a_loop_that_stands_still_is_made_again() -> None:
    calls = 0

    @daypass.token_cache(ttl=3600, timeout=1)
    async def fetch() -> str:
        nonlocal calls
        calls += 1
        await asyncio.sleep(3600 if calls == 1 else 0)
        return f"token-{calls}"

    loop = asyncio.new_event_loop()
    with pytest.raises(daypass.Unavailable):
        loop.run_until_complete(fetch())
    # The loop is neither run any more nor closed: the call stays as it is.
    assert asyncio.run(fetch()) == "token-2"
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_arguments_are_told_apart_by_type_too() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch(*args: object, **kwargs: object) -> str:
        return issuer.token()

    calls: list[tuple[tuple[object, ...], dict[str, object]]] = [
        ((), {}), ((1,), {}), ((1.0,), {}), ((True,), {}), (("1",), {}), ((), {"a": 1}), ((), {"a": 1.0}), ((None,), {}),
    ]
    tokens = [fetch(*args, **kwargs) for args, kwargs in calls]
    assert len(set(tokens)) == len(calls)
    assert [fetch(*args, **kwargs) for args, kwargs in calls] == tokens
    assert fetch(a=1, b=2) == fetch(b=2, a=1)


@pytest.mark.parametrize("key", [None, "s3cret-of-a-client"])
def test_arguments_are_told_apart_in_the_store_too(key: str | None) -> None:
    def make() -> Any:
        @daypass.token_cache(ttl=3600, key=key, name="told apart")
        def fetch(*args: object) -> str:
            return repr(args).encode().hex()

        return fetch

    for args in [(1,), (1.0,), (True,), ("1",), (None,), ((1,),), ((1.0,),)]:
        assert make()(*args) == repr(args).encode().hex()


def ago(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "stated",
    [
        {"expires_in": 1},
        {"expires_in": "1"},
        {"expires_in": 1.0},
        {"expires_at": lambda: ago(-1)},
        {"expires_at": lambda: ago(-1).isoformat()},
        {"expires_at": lambda: ago(-1).timestamp()},
        {"expires_on": lambda: str(ago(-1).timestamp())},
        {"expires_in": None, "expires_at": lambda: ago(-1).replace(tzinfo=None)},
    ],
)
@pytest.mark.parametrize("as_object", [False, True])
def test_the_lifetime_that_is_returned_counts(stated: dict[str, Any], as_object: bool) -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch() -> Any:
        made = {name: value() if callable(value) else value for name, value in stated.items()}
        value = {"access_token": issuer.token(), **made}
        return types.SimpleNamespace(**value) if as_object else value

    fetch()
    fetch()
    assert issuer.calls == 1
    time.sleep(1.05)
    fetch()
    assert issuer.calls == 2


def test_nothing_is_cached_for_longer_than_ttl() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=1)
    def long() -> dict[str, Any]:
        return {"access_token": issuer.token(), "expires_in": 86400}

    @daypass.token_cache(ttl=datetime.timedelta(seconds=1))
    def bare() -> str:
        return issuer.token()

    for fetch in (long, bare, long, bare):
        fetch()
    assert issuer.calls == 2
    time.sleep(1.05)
    long(), bare()
    assert issuer.calls == 4


def test_what_the_function_raises_is_raised_to_all_who_wait_and_not_kept() -> None:
    calls = 0

    @daypass.token_cache(ttl=3600)
    def fetch() -> str:
        nonlocal calls
        calls += 1
        time.sleep(0.2)
        if calls == 1:
            raise LookupError("no such client")
        return "token"

    def attempt(_: int) -> str:
        try:
            return fetch()
        except LookupError as error:
            return str(error)

    assert set(at_once(8, attempt)) == {"no such client"}
    assert calls == 1
    assert fetch() == "token"
    gc.collect()
    assert not [error for error in gc.get_objects() if isinstance(error, LookupError) and "such" in str(error)]


def test_the_function_runs_in_the_thread_of_a_caller_with_its_context() -> None:
    import contextvars

    who: contextvars.ContextVar[str] = contextvars.ContextVar("who")
    seen = []

    @daypass.token_cache(ttl=3600)
    def fetch(_: int) -> str:
        seen.append((threading.current_thread().name, who.get()))
        return "token"

    @daypass.token_cache(ttl=3600)
    async def afetch() -> str:
        seen.append((threading.current_thread().name, who.get()))
        return "token"

    who.set("me")
    fetch(1)
    asyncio.run(afetch())
    assert seen == [(threading.current_thread().name, "me")] * 2


def test_reject_replaces_the_refused_token_once() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch() -> dict[str, Any]:
        return {"access_token": issuer.token(), "expires_in": 3600}

    old = fetch()
    fetch.reject("another")
    assert fetch() is old
    fetch.reject("token-1")
    fetch.reject(old)
    assert fetch()["access_token"] == "token-2"
    fetch.reject("token-1")
    asyncio.run(fetch.areject("token-1"))
    assert fetch()["access_token"] == "token-2"
    fetch.cache_clear()
    assert fetch()["access_token"] == "token-3"


def test_the_first_refusal_of_a_bare_token_shows_the_form_that_carries_the_lifetime() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def bare() -> str:
        return issuer.token()

    with pytest.warns(RuntimeWarning, match="expires_in") as told:
        bare.reject(bare())
        bare.reject(bare())
    assert len(told) == 1

    @daypass.token_cache(ttl=3600)
    def whole() -> dict[str, Any]:
        return {"access_token": issuer.token(), "expires_in": 60}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole.reject(whole())


def test_what_is_no_token_is_a_type_error() -> None:
    for wrong in (None, 7, {}, {"access_token": 7}, b"bytes", object()):
        with pytest.raises(TypeError, match="access_token"):
            daypass.token_cache(ttl=60)(lambda wrong=wrong: wrong)()


def test_with_a_key_only_json_is_kept() -> None:
    @daypass.token_cache(ttl=60, key="s3cret-of-a-client", name="json")
    def fetch(value: Any) -> Any:
        return {"access_token": "token", "more": value if value != "set" else {1}}

    assert fetch("text") == {"access_token": "token", "more": "text"}
    with pytest.raises(TypeError):
        fetch("set")
    with pytest.raises(TypeError, match="arguments are what JSON knows"):
        fetch(object())
    with pytest.raises(TypeError):
        daypass.token_cache(ttl=60, key="s3cret-of-a-client", name="tuple")(lambda: {"access_token": "t", "more": (1,)})()


def test_with_a_key_a_new_process_finds_it_and_another_key_does_not() -> None:
    issuer = Issuer()

    def fetching(key: str | bytes, name: str = "same") -> Any:
        # What a new process has: a function that was never called.
        return daypass.token_cache(ttl=3600, key=key, name=name)(lambda: {"access_token": issuer.token()})

    assert fetching(KEY_A)() == fetching(KEY_A)() == fetching(KEY_A.encode())() == {"access_token": "token-1"}
    assert fetching(KEY_B)() == {"access_token": "token-2"}
    assert fetching(KEY_A, "other")() == {"access_token": "token-3"}
    new = fetching(KEY_A)
    new.reject(new())
    assert fetching(KEY_A)() == {"access_token": "token-4"}
    new.cache_clear()
    assert fetching(KEY_A)() == {"access_token": "token-5"}


def test_methods_and_many_arguments() -> None:
    class Client:
        calls = 0

        @daypass.token_cache(ttl=60, maxsize=4)
        def token(self, number: int) -> str:
            Client.calls += 1
            return f"token-{number}"

    client = Client()
    for number in range(10):
        assert client.token(number) == f"token-{number}"
    assert Client.token.cache_info().currsize == 4
    assert client.token(9) == "token-9"
    assert Client.calls == 10


def test_ctrl_c_in_the_function_leaves_the_call_to_the_others() -> None:
    calls = 0

    @daypass.token_cache(ttl=60, timeout=10)
    def fetch() -> str:
        nonlocal calls
        calls += 1
        time.sleep(0.1)
        if calls == 1:
            raise KeyboardInterrupt
        return "token"

    def attempt(_: int) -> str:
        try:
            return fetch()
        except KeyboardInterrupt:
            return "interrupted"

    assert sorted(at_once(3, attempt)) == ["interrupted", "token", "token"]


def test_a_bare_decorator_and_a_wrong_ttl() -> None:
    @daypass.token_cache
    def fetch() -> str:
        return "token"

    assert fetch() == "token"
    with pytest.raises(ValueError, match="ttl"):
        daypass.token_cache(ttl="soon")


@pytest.mark.parametrize("key", ["", b""])
def test_an_empty_key_seals_nothing(key: str | bytes) -> None:
    with pytest.raises(daypass.ConfigError) as caught:
        daypass.token_cache(ttl=60, key=key)
    assert caught.value.code == "config.secret_empty"


@pytest.mark.parametrize("unstated", [0, "0", -5, -0.5, float("nan"), "nan", None, "", datetime.timedelta(0)])
def test_a_lifetime_of_nothing_states_nothing(unstated: object) -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=1)
    def fetch() -> dict[str, object]:
        return {"access_token": issuer.token(), "expires_in": unstated}

    fetch(), fetch()
    assert issuer.calls == 1, "it lives for ttl"
    time.sleep(1.05)
    fetch()
    assert issuer.calls == 2


def test_what_has_ended_already_is_neither_handed_out_nor_cached_and_says_so() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch() -> dict[str, object]:
        return {"access_token": issuer.token(), "expires_at": ago(60)}

    for _ in range(3):
        with pytest.raises(daypass.Rejected, match="ended 60 s ago by this machine's clock"):
            fetch()
    assert issuer.calls == 3


@pytest.mark.parametrize(
    "wrong",
    [{"expires_in": "soon"}, {"expires_in": True}, {"expires_in": []}, {"expires_at": "tomorrow"}, {"expires_on": object()}],
    ids=repr,
)
def test_a_lifetime_that_cannot_be_read_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        daypass.token_cache(ttl=60)(lambda: {"access_token": "token", **wrong})()


def test_milliseconds_are_told_from_seconds_and_a_jwt_says_when_it_ends() -> None:
    from daypass._values import described

    now = time.time()
    claims = base64.urlsafe_b64encode(json.dumps({"exp": now + 500}).encode()).decode().rstrip("=")
    for value, left in [
        ({"access_token": "t", "expires_at": (now + 500) * 1000}, 500),
        ({"access_token": "t", "expires_at": str(int((now + 500) * 1000))}, 500),
        ({"access_token": "t", "expires_at": now + 500}, 500),
        ({"access_token": "t", "expires_in": 0, "expires_at": now + 500}, 500),
        ({"access_token": "t", "expires_in": 10**400}, 315360000),
        (f"e30.{claims}.x", 500),
        ({"access_token": f"e30.{claims}.x"}, 500),
        ({"access_token": f"e30.{claims}.x", "expires_in": 7}, 7),
        ("e30.e30.x", None),
        ("a.b.c", None),
    ]:
        stated = described(value)[1]
        assert stated == left or (stated is not None and left is not None and abs(stated - left) < 5), value


@pytest.mark.parametrize("text", ["", "token\r\n", "token\n", "to ken", "tok\x00en", "tökén"])
def test_what_no_header_takes_is_not_cached(text: str) -> None:
    for value in (text, {"access_token": text}):
        with pytest.raises(ValueError, match="the function returned"):
            daypass.token_cache(ttl=60)(lambda value=value: value)()


def test_a_warning_that_is_an_error_comes_after_the_rejection() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch() -> str:
        return issuer.token()

    fetch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):
            fetch.reject("token-1")
    assert fetch() == "token-2"


def test_arguments_are_told_apart_in_tuples_too_and_are_hashable() -> None:
    issuer = Issuer()

    @daypass.token_cache(ttl=3600)
    def fetch(*args: object, **kwargs: object) -> str:
        return issuer.token()

    calls: list[object] = [(1,), (True,), (1.0,), ((1,),), ((True,),), frozenset([1]), frozenset([True])]
    assert len({fetch(argument) for argument in calls} | {fetch(a=argument) for argument in calls}) == 2 * len(calls)
    wrong: list[object] = [[1], {"a": 1}, ([],)]
    for unhashable in wrong:
        with pytest.raises(TypeError, match="hashable, as for functools.lru_cache: not a"):
            fetch(unhashable)
        with pytest.raises(TypeError, match="hashable"):
            fetch(a=unhashable)


def test_parts_of_functions_and_objects_that_are_called() -> None:
    calls: list[object] = []

    def fetch(client: str, number: int) -> str:
        calls.append((client, number))
        return f"{client}-{number}"

    async def afetch(client: str) -> str:
        return client

    class Fetcher:
        def __call__(self) -> str:
            return "object"

        def method(self) -> str:
            return "method"

    class AsyncFetcher:
        async def __call__(self) -> str:
            return "asyncobject"

    part = daypass.token_cache(ttl=60)(functools.partial(fetch, "ci"))
    assert (part(1), part(1), part(2), len(calls)) == ("ci-1", "ci-1", "ci-2", 2)
    assert daypass.token_cache(ttl=60)(Fetcher())() == "object"
    assert daypass.token_cache(ttl=60)(Fetcher().method)() == "method"
    asynchronous: list[Any] = [functools.partial(afetch, "part"), AsyncFetcher()]
    assert [asyncio.run(daypass.token_cache(ttl=60)(one)()) for one in asynchronous] == ["part", "asyncobject"]
    with pytest.raises(TypeError, match="decorate the `async def` itself"):
        hidden: Any = lambda: afetch("hidden")  # noqa: E731
        daypass.token_cache(ttl=60)(hidden)()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl": float("nan")}, {"ttl": -1}, {"ttl": 0}, {"ttl": "soon"}, {"timeout": -1}, {"timeout": "soon"},
        {"maxsize": None}, {"maxsize": 0}, {"maxsize": True}, {"maxsize": 1.5}, {"name": ""}, {"name": 7}, {"key": 123},
    ],
    ids=repr,
)
def test_wrong_options_are_told_when_they_are_given(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        daypass.token_cache(**wrong)


def test_only_a_function_that_returns_a_token_is_decorated() -> None:
    def generator() -> Any:
        yield "token"

    decorate: Any = daypass.token_cache
    for wrong in (generator, "name", 7):
        with pytest.raises(TypeError, match="token_cache decorates a function"):
            decorate(ttl=60)(wrong)


def test_a_function_that_forks_returns_in_both_processes() -> None:
    read, write = os.pipe()

    @daypass.token_cache(ttl=60, timeout=20)
    def fetch() -> str:
        return "child" if os.fork() == 0 else "parent"

    token = fetch()
    if token == "child":
        os.write(write, token.encode())
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        told = pipe.read()
    os.wait()
    assert (token, fetch(), told) == ("parent", "parent", "child")


def numbered() -> tuple[Any, Any]:
    calls = 0

    @daypass.token_cache(ttl=3600)
    def fetch() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return {"access_token": f"token-{calls}", "expires_in": 3600}

    @daypass.token_cache(ttl=3600)
    async def afetch() -> dict[str, Any]:
        return fetch.__wrapped__()  # type: ignore[no-any-return]

    return fetch, afetch


def test_who_comes_too_late_for_a_value_gets_the_one_that_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, _ = numbered()
    assert fetch()["access_token"] == "token-1"
    held = Slot.held

    def late(self: Slot, text: str) -> Any:
        monkeypatch.undo()
        for _ in range(3):
            fetch.reject(fetch(), worked=True)
        assert fetch()["access_token"] == "token-4"
        return held(self, text)

    monkeypatch.setattr(Slot, "held", late)
    assert fetch()["access_token"] == "token-4"


@pytest.mark.parametrize("at", [1, 2])
def test_a_value_that_is_gone_is_fetched_again(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    held, left = Slot.held, at

    def evicted(self: Slot, text: str) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            self.values.clear()
        return held(self, text)

    fetch, afetch = numbered()
    for call in (fetch, lambda: asyncio.run(afetch())):
        first = call()
        monkeypatch.setattr(Slot, "held", evicted)
        left = at
        again = [call() for _ in range(3)]
        monkeypatch.undo()
        assert again[2] is again[1] and again[1]["access_token"] > first["access_token"]


def test_a_cached_function_is_a_whole_source() -> None:
    fetch, afetch = numbered()
    source, asource = fetch.as_source(), afetch.as_source()
    assert source.headers() == {"Authorization": "Bearer token-1"} == asyncio.run(source.aheaders())
    assert source.get() is fetch() and asyncio.run(source.aget()) is fetch()
    assert asyncio.run(asource.aheaders()) == {"Authorization": "Bearer token-2"}
    assert asyncio.run(asource.aget())["access_token"] == "token-2"
    for sync in (asource.headers, asource.get):
        with pytest.raises(TypeError, match="async"):
            sync()


def test_a_call_is_repeated_also_where_warnings_are_errors() -> None:
    for asynchronous in (False, True):
        issuer = Issuer()

        @daypass.token_cache(ttl=3600)
        def fetch() -> str:
            return issuer.token()

        def call(token: str) -> str:
            if token == "token-1":
                raise Unauthorized
            return token

        async def acall(token: str) -> str:
            return call(token)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            source = fetch.as_source()
            result = asyncio.run(daypass.call_with_token(source, acall)) if asynchronous else daypass.call_with_token(source, call)
            assert result == "token-2"


class Unauthorized(Exception):
    status = 401


def test_a_decimal_is_a_number_and_smaller_units_than_milliseconds_are_refused() -> None:
    assert described({"access_token": "a", "expires_in": decimal.Decimal(60)}) == ("a", 60.0)
    now = time.time()
    for unit in (1, 1e3):
        left = described({"access_token": "a", "expires_at": (now + 600) * unit})[1]
        assert left is not None and 500 < left <= 600
    for unit in (1e6, 1e9):
        with pytest.raises(ValueError, match="smaller unit"):
            described({"access_token": "a", "expires_at": (now + 600) * unit})
