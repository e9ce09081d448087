"""`token_cache(key=)`: what processes share, and what they must not."""

from __future__ import annotations

import datetime
import functools
import json
from pathlib import Path
from typing import Any

import pytest

import daypass
from conftest import World

KEY = "sandbox-secret-of-a-client"

FETCHING = """
import os, pathlib, daypass

calls = pathlib.Path(os.environ["CALLS"])

@daypass.token_cache(ttl=3600, key="sandbox-secret-of-a-client")
def fetch(client, what=()):
    number = len(calls.read_text()) if calls.exists() else 0
    calls.write_text("x" * (number + 1))
    return {"access_token": f"{client}-{number}", "expires_in": 3600}
"""


class Job:
    """Steps of a job: each is a process of its own, and knows the function."""

    def __init__(self, world: World) -> None:
        self.world = world
        (world.folder / "fetching.py").write_text(FETCHING)

    def step(self, script: str) -> str:
        world = self.world
        env = {**world.env, "CALLS": str(world.folder / "calls"), "PYTHONPATH": str(world.folder)}
        told, error = world.python("from fetching import fetch\n" + script, env=env).communicate(timeout=30)
        assert not error, error
        return told.strip()


@pytest.fixture
def job(world: World) -> Job:
    return Job(world)


def test_a_step_rejects_what_it_never_called_for(job: Job) -> None:
    for client in ("a", "b"):
        assert job.step(f"print(fetch('{client}', what=[1, {{'x': 2}}])['access_token'])") in ("a-0", "b-1")
    job.step("fetch.reject('a-0')")
    assert job.step("print(fetch('b', what=[1, {'x': 2}])['access_token'])") == "b-1"
    assert job.step("print(fetch('a', what=[1, {'x': 2}])['access_token'])") == "a-2"
    assert job.step("fetch.reject('b-1'); print(fetch('b', what=[1, {'x': 2}])['access_token'])") == "b-3"
    job.step("fetch.as_source('b', what=[1, {'x': 2}]).reject('b-3', worked=True)")
    job.step("import asyncio; asyncio.run(fetch.areject({'access_token': 'a-2'}, worked=True))")
    assert job.step("print(fetch('b', what=[1, {'x': 2}])['access_token'])") == "b-4"
    assert job.step("print(fetch('a', what=[1, {'x': 2}])['access_token'])") == "a-5"


def test_a_process_rejects_what_another_has_put_there_since(job: Job) -> None:
    told = job.step(
        "import subprocess, sys\n"
        "assert fetch('a')['access_token'] == 'a-0'\n"
        "subprocess.run([sys.executable, '-c', 'from fetching import fetch; fetch.reject(\"a-0\"); fetch(\"a\")'], check=True)\n"
        "fetch.reject('a-1', worked=True)\n"
        "fetch.reject('a-0')\n"
        "print(fetch('a')['access_token'])\n"
    )
    assert told == "a-2"


def test_a_step_clears_what_others_have_put_there(job: Job) -> None:
    job.step("fetch('a'); fetch('b', 7)")
    job.step("fetch.cache_clear()")
    assert job.step("print(fetch('a')['access_token'], fetch('b', 7)['access_token'])") == "a-2 b-3"
    job.step("fetch.cache_clear(); fetch.cache_clear(); fetch.reject('a-2')")
    assert job.step("print(fetch('a')['access_token'])") == "a-4"


def test_arguments_do_not_lie_in_the_open(job: Job) -> None:
    job.step("fetch('sentinel-client')")
    stored = b"".join(path.read_bytes() for path in job.world.cache.iterdir())
    assert b"sentinel-client" not in stored and b"sentinel-client".hex().encode() not in stored


def test_a_list_of_arguments_keeps_the_latest() -> None:
    @daypass.token_cache(ttl=3600, key=KEY, name="many", maxsize=4)
    def fetch(number: int, padding: str) -> dict[str, Any]:
        return {"access_token": f"token-{number}", "expires_in": 3600}

    for number in range(30):
        fetch(number, "x" * 4000)
    new = daypass.token_cache(ttl=3600, key=KEY, name="many")(lambda number, padding: {"access_token": f"new-{number}"})
    new.reject("token-29")
    new.reject("token-0")
    assert new(29, "x" * 4000)["access_token"] == "new-29"
    assert new(0, "x" * 4000)["access_token"] == "token-0", "its arguments had to make room"


def made() -> Any:
    def fetch() -> str:
        return "token"

    return fetch


class Callable:
    def __call__(self) -> str:
        return "token"


@pytest.mark.parametrize(
    "function", [lambda: "token", made(), functools.partial(made()), Callable()], ids=["lambda", "local", "partial", "object"]
)
def test_what_has_no_name_of_its_own_is_not_shared_by_name(function: Any) -> None:
    with pytest.raises(daypass.ConfigError, match="found by its name") as caught:
        daypass.token_cache(ttl=60, key=KEY)(function)
    assert 'name="..."' in (caught.value.hint or "")
    assert daypass.token_cache(ttl=60, key=KEY, name="its own")(function)() == "token"
    assert daypass.token_cache(ttl=60)(function)() == "token"


def test_what_stands_in_no_file_is_not_shared_by_name(world: World) -> None:
    script = "import daypass\n@daypass.token_cache(ttl=60, key='sandbox-secret-of-a-client')\ndef fetch(): return 'token'\n"
    assert "it stands in no file" in world.python(script).communicate()[1]


def test_a_key_that_could_be_guessed_is_refused() -> None:
    for key in ("k", b"secret", "s" * 11):
        with pytest.raises(daypass.ConfigError) as caught:
            daypass.token_cache(ttl=60, key=key)
        assert caught.value.code == "config.weak_secret"
    wrong: Any = 123
    with pytest.raises(TypeError, match="str or bytes"):
        daypass.token_cache(ttl=60, key=wrong)


def test_a_point_in_time_is_kept_as_such() -> None:
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)

    def fetching() -> Any:
        def fetch() -> dict[str, Any]:
            return {"access_token": "token", "expires_at": ends, "for": datetime.timedelta(minutes=5), "more": None}

        return daypass.token_cache(ttl=3600, key=KEY, name="times")(fetch)

    first, second = fetching()(), fetching()()
    assert first == second == {"access_token": "token", "expires_at": ends, "for": datetime.timedelta(minutes=5), "more": None}


def test_what_is_kept_is_json(tmp_path: Path) -> None:
    from daypass._values import sealed_text, value_of

    for value in ("token", {"access_token": "t", "n": [1, 2.5, None, True]}):
        assert value_of(sealed_text(value)) == value
        json.dumps(value)
    for wrong in ({"access_token": "t", "x": (1,)}, {"x": float("nan")}, {1: 2}, {"x": {1}}):
        with pytest.raises(TypeError, match="what JSON knows"):
            sealed_text(wrong)
