"""Fixtures: a sandbox, and an environment in which daypass asks it and nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, genesys_config, sandbox_env

_OURS = ("DAYPASS_", "OAUTH2_", "GC_", "GENESYSCLOUD_", "GENESYS_CLOUD_")


def _clear(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Takes away what would lead daypass anywhere else."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    home.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))


@pytest.fixture
def daypass_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A running sandbox; `daypass.token()` and `daypass.TokenSource()` ask it."""
    with Sandbox() as sandbox:
        _clear(monkeypatch, tmp_path / "daypass-config")
        for name, value in sandbox_env(sandbox, tmp_path / "daypass-cache").items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture
def daypass_genesys_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A running sandbox that plays Genesys Cloud, in the same way."""
    with Sandbox(flavour="genesys") as sandbox:
        _clear(monkeypatch, tmp_path / "daypass-config")
        config = tmp_path / "daypass-config" / "sandbox.toml"
        config.write_text(genesys_config(sandbox), encoding="utf-8")
        monkeypatch.setenv("DAYPASS_CONFIG", str(config))
        monkeypatch.setenv("DAYPASS_CACHE_DIR", str(tmp_path / "daypass-cache"))
        monkeypatch.setenv("GC_CLIENT_ID", CLIENT_ID)
        monkeypatch.setenv("GC_CLIENT_SECRET", CLIENT_SECRET)
        yield sandbox
