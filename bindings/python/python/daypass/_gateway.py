"""A gateway for as long as a `with` block lasts: `daypass exec --gateway` around a child that waits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from . import _errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

# Tells the environment that commands under the gateway have, and waits for the end of its input: that comes too when
# the process that started it dies, and then the gateway ends.
CHILD = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"

CLASSES = {
    "issuer.unavailable": _errors.Unavailable,
    "issuer.throttled": _errors.Unavailable,
    "token.deadline": _errors.Unavailable,
    "agent.unreachable": _errors.Unavailable,
}


class Gateway:
    """A reverse proxy on this machine that puts a valid token on each request, and survives a 401.

    It can be entered again while it runs, and ends with the outermost block. `url` is where it is, `env` the environment for a command that is to use it: its credentials are local ones, worth
    nothing elsewhere.
    """

    def __init__(self, profile: str | None = None, *, env: Mapping[str, str] | None = None) -> None:
        self._profile = profile
        self._env = None if env is None else dict(env)
        self._process: subprocess.Popen[str] | None = None
        self._blocks = 0
        self.url = ""
        self.env: dict[str, str] = {}

    def __reduce__(self) -> str:
        from ._bearer import not_pickled

        # Its environment has the real secret.
        raise not_pickled(self)

    def start(self) -> Gateway:
        """Starts it and waits until it is ready. One that runs already goes on."""
        if self._process is not None:
            return self
        profile = [] if self._profile is None else [self._profile]
        process = subprocess.Popen(
            [command(), "--log-format", "json", "exec", *profile, "--gateway", "--", sys.executable, "-I", "-c", CHILD],
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for this process, which may have something to tidy up: the gateway ends when it ends it.
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
        except BaseException:
            process.communicate()
            raise
        if not line:
            raise _failed(process.communicate()[1])
        self._process = process
        self.env = json.loads(line)
        self.url = self.env["DAYPASS_GATEWAY_URL"]
        return self

    def close(self) -> None:
        """Ends it, once it has answered all who wait."""
        process, self._process, self._blocks = self._process, None, 0
        if process is not None:
            process.communicate()

    def __enter__(self) -> Gateway:
        self.start()
        self._blocks += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._blocks -= 1
        if self._blocks <= 0:
            self.close()

    def __repr__(self) -> str:
        return f"<Gateway {self.url or 'not started'}>"


def command() -> str:
    """The `daypass` command: the one that came with this package, else the one on the PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "daypass")
    found = beside if os.access(beside, os.X_OK) else shutil.which("daypass")
    if found is None:
        raise _errors.ConfigError(
            "there is no daypass command", "usage", "it comes with the package's wheel: is its folder on the PATH?"
        )
    return found


def _failed(told: str) -> _errors.Error:
    """The error that the command told as a line of JSON."""
    for line in told.splitlines():
        try:
            error = json.loads(line)["error"]
            code = str(error["code"])
            kind = CLASSES.get(code) or _kind(code)
            return kind(str(error["message"]), code, error.get("hint"), error.get("retry_after"))
        except (ValueError, TypeError, KeyError):
            continue
    return _errors.Error("the gateway did not start", "internal", "what does `daypass exec --gateway -- true` say?")


def _kind(code: str) -> type[_errors.Error]:
    family = {"config": _errors.ConfigError, "usage": _errors.ConfigError, "issuer": _errors.Rejected}
    return {**family, "store": _errors.StoreError}.get(code.split(".")[0], _errors.Error)
