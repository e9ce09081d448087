"""One valid OAuth 2.0 client-credentials token for every thread, task, process and machine.

    import daypass

    daypass.token()                         # a valid token, from the cache where possible
    source = daypass.TokenSource("genesys")
    source.headers()                        # for one request

The adapters are modules of their own, named after what they adapt: `daypass.requests`, `daypass.httpx`,
`daypass.aiohttp`, `daypass.azure`, `daypass.google`, `daypass.genesys`. See docs/python.md.
"""

from __future__ import annotations

import os as _os

from ._daypass import Token, __version__, after_fork_in_child as _after_fork_in_child
from ._errors import ConfigError, Error, Rejected, StoreError, Unavailable
from ._source import TokenSource, atoken, token

# Not imported from typing, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._calls import call_with_token, retry_unauthorized
    from ._token_cache import token_cache

__all__ = [
    "ConfigError",
    "Error",
    "Rejected",
    "StoreError",
    "Token",
    "TokenSource",
    "Unavailable",
    "__version__",
    "atoken",
    "call_with_token",
    "retry_unauthorized",
    "token",
    "token_cache",
]

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_after_fork_in_child)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # Imported when they are used: most programs use none or one of them.
        if name == "token_cache":
            from ._token_cache import token_cache

            return token_cache
        if name in ("call_with_token", "retry_unauthorized"):
            from . import _calls

            return getattr(_calls, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
