"""Exceptions mirror the codes."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pytest

import daypass
from conftest import World


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("oauth_error=invalid_client", daypass.Rejected, "issuer.rejected"),
        ("status=503", daypass.Unavailable, "issuer.unavailable"),
        ("stall", daypass.Unavailable, None),
        ("status=429", daypass.Unavailable, "issuer.throttled"),
    ],
)
def test_the_class_follows_from_the_code(world: World, fault: str, kind: type, code: str | None) -> None:
    world.sandbox.fault(fault)
    def ask(source: daypass.TokenSource) -> str:
        return source.token(timeout=1)

    def aask(source: daypass.TokenSource) -> str:
        return asyncio.run(source.atoken(timeout=1))

    for asking in (ask, aask):
        with pytest.raises(daypass.Error) as caught:
            asking(world.source(OAUTH2_SCOPE=asking.__name__))
        assert type(caught.value) is kind
        assert code in (None, caught.value.code)
        assert caught.value.hint


def test_a_refusal_is_remembered_and_says_for_how_long(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("oauth_error=invalid_client")
    for _ in range(3):
        with pytest.raises(daypass.Rejected) as caught:
            source.token()
    assert world.sandbox.token_requests == 1
    error = caught.value
    assert error.retry_after is not None and 0 < error.retry_after <= 30
    assert str(error).startswith("[issuer.rejected] the same refusal")
    assert "hint: " in str(error)


def test_an_unsafe_folder_is_a_store_error(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(daypass.StoreError) as caught:
        world.source(DAYPASS_CACHE_DIR=str(folder))
    assert caught.value.code == "store.unsafe"


def test_a_found_file_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "daypass.toml").write_text('[profile.x]\ntoken_url = "https://evil.example/token"\nclient_id = "x"\n')
    with pytest.raises(daypass.ConfigError) as caught:
        world.source()
    assert caught.value.code == "config.untrusted"


def test_errors_survive_pickling_with_all_they_say() -> None:
    error = daypass.Unavailable("m", "issuer.throttled", "h", 3.0)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is daypass.Unavailable
    assert (again.message, again.code, again.hint, again.retry_after) == ("m", "issuer.throttled", "h", 3.0)


def test_ctrl_c_ends_the_waiting(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("stall")
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        source.token(timeout=20)
    assert time.monotonic() - began < 10
