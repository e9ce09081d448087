"""`TokenSource`, and what adapters need of one."""

from __future__ import annotations

from . import _daypass
from ._hidden import Hidden

# Not imported from typing, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Protocol

    from ._daypass import Token

    Span = str | float | timedelta

    class Source(Protocol):
        """Hands out tokens, and learns which were refused."""

        def token(self) -> str: ...
        def reject(self, token: str, *, worked: bool = False) -> None: ...

    class AsyncSource(Protocol):
        """The same, without blocking the event loop."""

        async def atoken(self) -> str: ...
        async def areject(self, token: str, *, worked: bool = False) -> None: ...

    class AnySource(Source, AsyncSource, Protocol):
        """Both."""


class TokenSource(_daypass.Source):
    """Hands out valid tokens of one profile: from memory, else from the cache, else from the issuer.

    Made from the environment and the configuration as they are now; asks nobody yet. Use it from as many threads, tasks
    and forked processes as you like: at any moment one token request at most is under way.
    """

    def headers(self, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False) -> dict[str, str]:
        """Returns the `Authorization` header with a valid token. For one request: don't keep it."""
        return {"Authorization": "Bearer " + self.token(min_ttl=min_ttl, timeout=timeout, fresh=fresh)}

    async def atoken(self, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False) -> str:
        """Does what `token` does, without blocking the event loop."""
        if not fresh:
            hit = self._hit(min_ttl, timeout)
            if hit is not None:
                return hit
        return (await self.aget(min_ttl=min_ttl, timeout=timeout, fresh=fresh)).access_token

    async def aget(self, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False) -> Token:
        """Does what `get` does, without blocking the event loop."""
        token = await _settled(
            lambda done: self._begin(done, min_ttl=min_ttl, timeout=timeout, fresh=fresh)
        )
        assert token is not None
        return token

    async def areject(self, token: str, *, worked: bool = False) -> None:
        """Does what `reject` does, without blocking the event loop."""
        hidden = Hidden(token)
        del token
        await _settled(lambda done: self._begin_reject(done, hidden.value, worked=worked))

    async def aheaders(
        self, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False
    ) -> dict[str, str]:
        """Does what `headers` does, without blocking the event loop."""
        return {"Authorization": "Bearer " + await self.atoken(min_ttl=min_ttl, timeout=timeout, fresh=fresh)}


async def _settled(
    begin: Callable[[Callable[[Token | None, BaseException | None], None]], None],
) -> Token | None:
    """Starts something that calls back from another thread, and awaits that."""
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[Token | None] = loop.create_future()

    def settle(token: Token | None, error: BaseException | None) -> None:
        if future.done():  # cancelled
            return
        if error is None:
            future.set_result(token)
        else:
            future.set_exception(error)

    def done(token: Token | None, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, token, error)
        except RuntimeError:  # the loop is closed: nobody waits
            pass

    begin(done)
    try:
        return await future
    finally:
        _daypass.drain_logs()


_sources: dict[tuple[str | None, int], TokenSource] = {}


def of_profile(profile: str | None) -> TokenSource:
    """Returns the source of a profile in this environment, the same one each time."""
    key = (profile, _daypass.environment_id())
    source = _sources.get(key)
    if source is None:
        # What the environment was before is not asked for again.
        for old in [other for other in _sources if other[0] == profile]:
            _sources.pop(old, None)
        source = _sources[key] = TokenSource(profile)
    return source


def token(
    profile: str | None = None, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False
) -> str:
    """Returns a valid token of a profile, as `daypass token` does."""
    return of_profile(profile).token(min_ttl=min_ttl, timeout=timeout, fresh=fresh)


async def atoken(
    profile: str | None = None, *, min_ttl: Span | None = None, timeout: Span | None = None, fresh: bool = False
) -> str:
    """Does what `token` does, without blocking the event loop."""
    return await of_profile(profile).atoken(min_ttl=min_ttl, timeout=timeout, fresh=fresh)
