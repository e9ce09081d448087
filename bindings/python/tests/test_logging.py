"""What the library tells arrives under the `daypass` logger."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from conftest import World


def test_a_failed_refresh_is_a_warning_of_the_caller_that_comes_by(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world()
    source = world.source()
    token = source.token()
    source.reject(token)
    world.sandbox.fault("status=503")
    with caplog.at_level(logging.DEBUG, logger="daypass"):
        assert source.token(timeout=1) == token
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert any("the cached one is still valid" in record.getMessage() for record in warnings)
    assert {record.name for record in caplog.records} == {"daypass"}
    assert token not in caplog.text and "sandbox-secret" not in caplog.text


def test_a_warning_is_not_repeated_at_every_call(world: World, caplog: pytest.LogCaptureFixture) -> None:
    source = world.source()
    for _ in range(20):
        source.reject(source.token())
    # Or not at all: another test met it a moment ago.
    assert len([record for record in caplog.records if "2 tokens in a row" in record.getMessage()]) <= 1


def test_what_is_not_wanted_is_not_made(world: World, caplog: pytest.LogCaptureFixture) -> None:
    source = world.source()
    token = source.token()
    source.reject(token)
    world.sandbox.fault("status=503")
    with caplog.at_level(logging.ERROR, logger="daypass"):
        source.token(timeout=1)
    assert caplog.records == []


def test_a_warning_reaches_stderr_where_nobody_configured_logging(world: World) -> None:
    env = {name: value for name, value in world.env.items() if name != "DAYPASS_CACHE_DIR"}
    folder = world.folder / "open" / "daypass"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    told = world.python("import daypass; daypass.TokenSource()", env={**env, "XDG_CACHE_HOME": str(folder.parent)})
    assert "tokens are kept in memory only" in told.communicate()[1]
