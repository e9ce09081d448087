"""Fork, spawn, and many processes at once."""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

import daypass
from conftest import SOAK, World

STAMPEDE = """
import sys, daypass
print("ready", flush=True)
sys.stdin.readline()
print(daypass.token())
"""


def test_sixty_processes_that_start_together_cost_one_request(world: World) -> None:
    world.sandbox.fault("delay_ms=150")
    processes = [world.python(STAMPEDE) for _ in range(60)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in ends if error] == []
    assert len({token for token, _ in ends}) == 1
    assert world.sandbox.token_requests == 1


CACHED = """
import sys, daypass
sys.path.insert(0, sys.argv[1])
from fetching import fetch
print("ready", flush=True)
sys.stdin.readline()
print(fetch("ci")["access_token"])
"""

FETCHING = """
import json, os, urllib.parse, urllib.request, daypass

@daypass.token_cache(ttl=3600, key=os.environ["OAUTH2_CLIENT_SECRET"])
def fetch(client: str):
    data = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "sandbox",
                                   "client_secret": os.environ["OAUTH2_CLIENT_SECRET"]}).encode()
    with urllib.request.urlopen(os.environ["OAUTH2_TOKEN_URL"], data) as answer:
        return json.load(answer)
"""


def test_sixty_processes_call_a_cached_function_once(world: World) -> None:
    world.sandbox.fault("delay_ms=150")
    (world.folder / "fetching.py").write_text(FETCHING)
    processes = [world.python(CACHED, str(world.folder)) for _ in range(60)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in ends if error] == []
    assert len({token for token, _ in ends}) == 1
    assert world.sandbox.token_requests == 1
    stored = b"".join(path.read_bytes() for path in world.cache.iterdir())
    for token, _ in ends:
        assert token.strip().encode() not in stored


def in_child(source: daypass.TokenSource, work: Callable[[], str]) -> str:
    """What `work` returns in a forked child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, work().encode())
        except BaseException as error:
            os.write(write, f"failed: {error!r}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def test_a_forked_child_has_the_token_from_the_cache(world: World, source: daypass.TokenSource) -> None:
    token = source.token()
    assert in_child(source, source.token) == token
    assert in_child(source, lambda: source.get().source) == "store"
    assert world.sandbox.token_requests == 1


def test_a_child_forked_while_a_request_is_under_way_waits_for_it(world: World, source: daypass.TokenSource) -> None:
    world.sandbox.fault("delay_ms=500")
    asking = threading.Thread(target=source.token)
    asking.start()
    while world.sandbox.token_requests == 0:
        pass
    told = in_child(source, lambda: source.token(timeout=10))
    asking.join()
    assert told == source.token()
    assert world.sandbox.token_requests == 1


def test_a_child_replaces_a_rejected_token_for_all(world: World, source: daypass.TokenSource) -> None:
    old = source.token()
    world.sandbox.revoke_all()

    def replaced() -> str:
        source.reject(old)
        return source.token()

    new = in_child(source, replaced)
    source.reject(old)
    assert source.token() == new != old
    assert world.sandbox.token_requests == 2


def test_forks_from_many_threads_while_tokens_come_and_go(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    # Writing to stderr from threads and forked children at once is what Python can't do.
    caplog.set_level(logging.CRITICAL, logger="daypass")
    world = make_world(lifetime=1)
    source = world.source()
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            source.token(fresh=False)
            source.reject(source.token())

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200 if SOAK else 20):
            told = in_child(source, lambda: source.token(timeout=20))
            assert told and not told.startswith("failed"), told
    finally:
        stop.set()
        for thread in threads:
            thread.join()


SUITE = """
import daypass, pytest

@pytest.mark.parametrize("number", range(24))
def test_of_somebody(number):
    with open("tokens.txt", "a") as tokens:
        tokens.write(daypass.token() + "\\n")
"""


def test_the_workers_of_pytest_xdist_share_one_token(world: World) -> None:
    world.sandbox.fault("delay_ms=150")
    (world.folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "4", "-p", "no:cacheprovider", "test_suite.py"]
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder), **world.env}
    told = subprocess.run(command, cwd=world.folder, env=env, capture_output=True, text=True, timeout=60)
    assert "24 passed" in told.stdout, told
    assert len(set((world.folder / "tokens.txt").read_text().split())) == 1
    assert world.sandbox.token_requests == 1


def _token_of(env: dict[str, str]) -> str:
    return daypass.TokenSource(env=env).token()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(world: World, source: daypass.TokenSource, method: str) -> None:
    token = source.token()
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert set(pool.map(_token_of, [world.env] * 4)) == {token}
    assert world.sandbox.token_requests == 1


def test_a_process_ends_while_a_request_is_under_way(world: World) -> None:
    world.sandbox.fault("stall")
    script = """
import asyncio, daypass, threading
source = daypass.TokenSource()
threading.Thread(target=lambda: source.token(timeout=60), daemon=True).start()
async def run():
    asking = asyncio.create_task(source.atoken(timeout=60))
    await asyncio.sleep(0.3)
    asking.cancel()
asyncio.run(run())
print("done")
"""
    process = world.python(script)
    told, error = process.communicate(timeout=20)
    assert (told, error, process.returncode) == ("done\n", "", 0)


def test_import_loads_little() -> None:
    script = "import sys; before = set(sys.modules); import daypass; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.check_output([sys.executable, "-I", "-c", script], text=True).split()
    heavy = {"asyncio", "logging", "typing", "inspect", "json", "functools", "re", "requests", "httpx", "threading"}
    assert heavy.isdisjoint(loaded), loaded
