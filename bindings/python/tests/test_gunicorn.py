"""gunicorn with a preloaded application: the source is made, and used, before the workers are forked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from conftest import World, at_once

APPLICATION = """
import os, daypass

source = daypass.TokenSource()
before = source.token()

def application(environ, start_response):
    if environ["PATH_INFO"] == "/reject":
        source.reject(source.token())
    start_response("200 OK", [])
    return [f"{os.getpid()} {source.token()} {source.get().source}".encode()]
"""


def test_workers_of_a_preloaded_application_share_its_token(world: World, tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--threads", "2", "--bind", "127.0.0.1:0"]
    server = subprocess.Popen(
        [*command, "--chdir", tmp_path, "application"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **world.env},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        line = next(line for line in server.stderr if "Listening at" in line)
        url = line.split("Listening at: ")[1].split()[0]

        def ask(path: str) -> tuple[str, str]:
            with urllib.request.urlopen(url + path, timeout=20) as answer:
                worker, token, _ = answer.read().decode().split()
                return worker, token

        seen: dict[str, str] = {}
        ends = time.monotonic() + 20
        while len(seen) < 2 and time.monotonic() < ends:
            # One after the other, they could all go to one worker.
            seen.update(at_once(8, lambda _: ask("/")))
        assert len(seen) >= 2, seen
        assert len(set(seen.values())) == 1
        assert world.sandbox.token_requests == 1
        _, new = ask("/reject")
        assert new not in seen.values()
        assert world.sandbox.token_requests == 2
    finally:
        server.terminate()
        server.communicate(timeout=20)
