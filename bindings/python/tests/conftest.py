"""What the tests share: a sandbox and sources that ask it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import daypass
from daypass.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, genesys_config, sandbox_env

SOAK = os.environ.get("DAYPASS_SOAK") == "1"


class World:
    """A sandbox, a cache folder, and sources that know nothing else."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.sandbox = Sandbox(**settings)
        self.api = self.sandbox.url + "/api/things"

    @property
    def env(self) -> dict[str, str]:
        return {**sandbox_env(self.sandbox, self.cache), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def source(self, **more: str) -> daypass.TokenSource:
        return daypass.TokenSource(env={**self.env, **more})

    def genesys_env(self) -> dict[str, str]:
        config = self.folder / "genesys.toml"
        config.write_text(genesys_config(self.sandbox), encoding="utf-8")
        return {
            "DAYPASS_CONFIG": str(config),
            "DAYPASS_CACHE_DIR": str(self.cache),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "GC_CLIENT_ID": CLIENT_ID,
            "GC_CLIENT_SECRET": CLIENT_SECRET,
        }

    def python(self, script: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts a Python with this world's variables and no others that daypass knows."""
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **(self.env if env is None else env)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine's own settings lead nowhere."""
    for name in list(os.environ):
        if name.startswith(("DAYPASS_", "OAUTH2_", "GC_", "GENESYS")) and name != "DAYPASS_SOAK":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("DAYPASS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.sandbox.close()


@pytest.fixture
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        worlds.append(World(tmp_path_factory.mktemp("world"), **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.sandbox.close()


@pytest.fixture
def source(world: World) -> daypass.TokenSource:
    return world.source()


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Runs `work` in so many threads that start together; raises what one of them raised."""
    barrier, results = threading.Barrier(count), [None] * count
    errors: list[BaseException] = []

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
