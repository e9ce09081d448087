"""No frame of this package shows a secret: not in a traceback with locals, not to who walks the frames."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import daypass
from conftest import at_once

SECRET = "sentinel-secret-of-a-client"
TOKEN = "sentinel-token-of-a-client"
PACKAGE = str(Path(daypass.__file__).parent)


def errors_of(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        yield from errors_of(error.__cause__, seen)
        yield from errors_of(error.__context__, seen)


def shown(error: BaseException) -> Iterator[str]:
    """What a tracker of errors, or a rich traceback, shows of our frames, and of those of the standard library."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    pending: list[Any] = [told]
    while pending:
        one = pending.pop()
        pending += [other for other in (one.__cause__, one.__context__) if other is not None]
        yield from (f"{frame.name}: {frame.locals}" for frame in one.stack if "/tests/" not in frame.filename)
    for one in errors_of(error, set()):
        yield repr(one)
        step: TracebackType | None = one.__traceback__
        while step is not None:
            frame = step.tb_frame
            if "/tests/" not in frame.f_code.co_filename:
                for name, value in frame.f_locals.items():
                    yield f"{frame.f_code.co_name}.{name} = {value!r}"
            step = step.tb_next


def raising(_: str, *, secret: str) -> str:
    raise LookupError("the issuer said no")


def nothing(_: str, *, secret: str) -> Any:
    return {"id": TOKEN}


def unreadable(_: str, *, secret: str) -> Any:
    return {"access_token": TOKEN, "expires_at": "soon"}


def broken(_: str, *, secret: str) -> Any:
    return {"access_token": TOKEN + "\r\n"}


def no_json(_: str, *, secret: str) -> Any:
    return {"access_token": TOKEN, "more": {1}}


async def araising(_: str, *, secret: str) -> str:
    raise LookupError("the issuer said no")


async def anothing(_: str, *, secret: str) -> Any:
    return {"id": TOKEN}


def called(function: Any) -> None:
    function(SECRET, secret=SECRET)


def awaited(function: Any) -> None:
    asyncio.run(function(SECRET, secret=SECRET))


def threads(function: Any) -> None:
    at_once(4, lambda _: function(SECRET, secret=SECRET))


def rejected(function: Any) -> None:
    function.reject({"no": TOKEN})


def arejected(function: Any) -> None:
    asyncio.run(function.areject({"no": TOKEN}))


def unhashable(function: Any) -> None:
    function([SECRET], secret=SECRET)


def of_a_source(function: Any) -> None:
    daypass.call_with_token(function.as_source(SECRET, secret=SECRET), lambda token: None)


CASES: list[tuple[Any, Callable[[Any], None]]] = [
    *((function, way) for function in (raising, nothing, unreadable, broken, no_json) for way in (called, threads, of_a_source)),
    (araising, awaited), (anothing, awaited), (raising, rejected), (raising, arejected), (raising, unhashable),
]


@pytest.mark.parametrize("key", [None, SECRET], ids=["memory", "store"])
@pytest.mark.parametrize(("function", "way"), CASES, ids=lambda part: part.__name__)
def test_an_exception_out_of_a_cached_function(function: Any, way: Callable[[Any], None], key: str | None) -> None:
    if (key is None) is (function is no_json) or (key is not None and way is unhashable):
        return  # only sealed values must be JSON, and then arguments need no hash
    fetch = daypass.token_cache(ttl=60, key=key, name="sentinel")(function)
    with pytest.raises((LookupError, TypeError, ValueError)) as caught:
        way(fetch)
    told = list(shown(caught.value))
    assert any(text.startswith(("wrapper", "reject", "areject", "_called", "run")) for text in told), told
    for text in told:
        assert SECRET not in text and TOKEN not in text


@pytest.mark.parametrize("way", ["reject", "areject"])
def test_a_source_that_cannot_reject(source: daypass.TokenSource, way: str) -> None:
    fetch: Any = daypass.token_cache(ttl=60)(lambda: "token")

    async def reject() -> None:
        await source.areject([TOKEN])  # type: ignore[arg-type]

    with pytest.raises(TypeError) as caught:
        asyncio.run(reject()) if way == "areject" else fetch.reject([TOKEN])
    for text in shown(caught.value):
        assert TOKEN not in text


def test_a_call_that_was_refused(source: daypass.TokenSource) -> None:
    def call(token: str, secret: str) -> None:
        raise LookupError

    async def acall(token: str, secret: str) -> None:
        raise LookupError

    attempts: list[Callable[[], None]] = [
        lambda: daypass.call_with_token(source, call, SECRET),
        lambda: daypass.retry_unauthorized(source)(call)(source.token(), SECRET),
        lambda: asyncio.run(daypass.call_with_token(source, acall, SECRET)),
        lambda: asyncio.run(daypass.retry_unauthorized(source)(acall)(source.token(), SECRET)),
    ]
    for attempt in attempts:
        with pytest.raises(LookupError) as caught:
            attempt()
        for text in shown(caught.value):
            assert SECRET not in text and source.token() not in text


def test_who_walks_the_frames_while_the_function_runs_sees_no_argument() -> None:
    seen: list[str] = []

    @daypass.token_cache(ttl=60)
    def fetch(client: str, *, secret: str) -> str:
        frame = sys._getframe().f_back
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                seen.extend(f"{name}={value!r}" for name, value in frame.f_locals.items())
            frame = frame.f_back
        return "token"

    fetch(SECRET, secret=SECRET)
    assert seen
    assert not [text for text in seen if SECRET in text]


def test_no_exception_is_kept_once_it_was_raised() -> None:
    class Failed(Exception):
        pass

    alive: set[int] = set()

    class Witness:
        def __init__(self) -> None:
            alive.add(id(self))

        def __del__(self) -> None:
            alive.discard(id(self))

    @daypass.token_cache(ttl=60)
    def fetch() -> str:
        witness = Witness()
        raise Failed(str(bool(witness)))

    @daypass.token_cache(ttl=60)
    async def afetch() -> str:
        witness = Witness()
        raise Failed(str(bool(witness)))

    def attempt(_: int) -> None:
        try:
            fetch()
        except Failed:
            pass

    attempt(0)
    assert not alive, "without a collection, too"
    at_once(8, attempt)
    try:
        asyncio.run(afetch())
    except Failed:
        pass
    gc.collect()
    assert not alive


PYTEST = """
import daypass

@daypass.token_cache(ttl=60)
def fetch(client, secret):
    raise LookupError

def test_it():
    fetch(*open("secrets.txt").read().split())
"""


def test_pytest_with_showlocals(tmp_path: Path) -> None:
    (tmp_path / "secrets.txt").write_text(f"{SECRET} {SECRET}")
    (tmp_path / "test_it.py").write_text(PYTEST)
    command = [sys.executable, "-m", "pytest", "--showlocals", "--tb=long", "-p", "no:cacheprovider"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ))
    assert "LookupError" in told.stdout and "_token_cache.py" in told.stdout
    # The function's own frame, the last one, shows its own arguments.
    *ours, function = told.stdout.split("_ _ _ _")
    assert SECRET in function and "raise LookupError" in function
    assert SECRET not in "".join(ours)


def test_threads_that_wait_for_one_call_get_its_exception_each(tmp_path: Path) -> None:
    started, calls = threading.Event(), 0

    @daypass.token_cache(ttl=60)
    def fetch() -> str:
        nonlocal calls
        calls += 1
        started.wait(5)
        raise LookupError(f"call {calls}")

    def attempt(index: int) -> str:
        if index == 0:
            threading.Timer(0.3, started.set).start()
        try:
            return fetch()
        except LookupError as error:
            return str(error)

    assert set(at_once(8, attempt)) == {"call 1"}
