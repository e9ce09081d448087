"""What is in the wheel."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import daypass
from daypass.sandbox import Sandbox


def test_the_command_comes_with_it() -> None:
    command = shutil.which("daypass", path=str(Path(sys.executable).parent))
    assert command is not None
    told = subprocess.check_output([command, "--version"], text=True)
    assert told.split() == ["daypass", daypass.__version__]
    assert importlib.metadata.version("daypass") == daypass.__version__


def test_it_is_typed_and_every_name_is_there() -> None:
    assert (Path(daypass.__file__).parent / "py.typed").exists()
    for name in daypass.__all__:
        assert getattr(daypass, name) is not None
    with pytest.raises(AttributeError):
        daypass.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("adapter", ["requests", "httpx", "aiohttp", "azure", "google"])
def test_an_adapter_imports_its_library_when_it_is_used(adapter: str) -> None:
    script = (
        "import sys, daypass, daypass.genesys\n"
        "libraries = {'requests', 'httpx', 'aiohttp', 'azure', 'google', 'PureCloudPlatformClientV2', 'pytest'}\n"
        "assert libraries.isdisjoint(sys.modules)\n"
        f"import daypass.{adapter}\n"
        f"assert {adapter!r} in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's machine may have set."""
    for name in ("DAYPASS_AGENT", "DAYPASS_CONFIG", "GC_CLIENT_ID", "GC_CLIENT_SECRET", "OAUTH2_SCOPE"):
        monkeypatch.setenv(name, "/elsewhere")


def test_the_plugin_leads_to_the_sandbox_and_nowhere_else(elsewhere: None, daypass_sandbox: Sandbox) -> None:
    assert daypass.token()
    assert daypass.token() and daypass_sandbox.token_requests == 1
    assert daypass_sandbox.url in repr(daypass_sandbox)
    daypass_sandbox.fault("oauth_error=invalid_client")
    source = daypass.TokenSource()
    source.reject(source.token())
    with pytest.raises(daypass.Rejected):
        source.token()
