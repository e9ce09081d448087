"""The pipeline of the question, in the three forms that a person may choose."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daypass.sandbox import Sandbox

EXAMPLES = Path(os.environ.get("DAYPASS_EXAMPLES") or Path(__file__).parents[1] / "examples")


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, daypass_genesys_sandbox: Sandbox) -> Iterator[Sandbox]:
    """A Genesys Cloud whose tokens live for two seconds, and ten minutes that pass in three."""
    with Sandbox(flavour="genesys", lifetime=2) as short:
        config = Path(os.environ["DAYPASS_CONFIG"])
        config.write_text(config.read_text().replace(daypass_genesys_sandbox.url, short.url))
        monkeypatch.setenv("GENESYS_API", short.url)
        monkeypatch.setenv("PAUSE", "2.5")
        yield short


@pytest.mark.parametrize("form", ["sdk.py", "decorator.py", "command.sh"])
def test_a_step_ten_minutes_another_step(pipeline: Sandbox, form: str) -> None:
    program = ["bash"] if form.endswith(".sh") else [sys.executable]
    told = subprocess.run([*program, EXAMPLES / form], capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stdout) == (0, "first step: 60 users\nsecond step: 60 users\n"), told.stderr
    assert pipeline.token_requests == 2
    assert pipeline.unauthorized == 0, "the token was replaced before it was used"
