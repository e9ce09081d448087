"""azure-core: credentials for clients that take a `TokenCredential`.

The scopes that a client asks for are not used: what a token is for stands in the profile.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

from ._bearer import not_pickled
from ._source import TokenSource, of_profile

if TYPE_CHECKING:
    from types import TracebackType

    from ._daypass import Token

__all__ = ["AsyncTokenCredential", "TokenCredential"]

# A token that was handed out so many seconds ago is taken to have been accepted since.
IN_USE = 10.0


class _Base:
    def __init__(self, source: TokenSource | str | None = None) -> None:
        self._source = source if isinstance(source, TokenSource) else of_profile(source)
        # With the moment when it was handed out.
        self._last: tuple[Token, float] | None = None

    def _refused(self, claims: str | None) -> Token | None:
        """The token that a claims challenge refuses."""
        return self._last[0] if claims and self._last is not None else None

    def _has_worked(self) -> bool:
        """azure-core does not say which token was accepted. One that is refused at once was not."""
        return self._last is not None and time.monotonic() - self._last[1] >= IN_USE

    def __reduce__(self) -> str:
        raise not_pickled(self)


def _expires_on(token: Token) -> int:
    return int(token.expires_at.timestamp())


class TokenCredential(_Base):
    """A credential for synchronous clients. A claims challenge (a 401) gets a new token."""

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        token = self._get(claims)
        return AccessToken(token.access_token, _expires_on(token))

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        token = self._get((options or {}).get("claims"))
        return AccessTokenInfo(token.access_token, _expires_on(token))

    def _get(self, claims: str | None) -> Token:
        if (refused := self._refused(claims)) is not None:
            self._source.reject(refused.access_token, worked=self._has_worked())
        token = self._source.get()
        self._last = token, time.monotonic()
        return token

    def close(self) -> None:
        """Does nothing: there is nothing to close."""

    def __enter__(self) -> TokenCredential:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncTokenCredential(_Base):
    """A credential for asynchronous clients."""

    async def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        token = await self._get(claims)
        return AccessToken(token.access_token, _expires_on(token))

    async def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        token = await self._get((options or {}).get("claims"))
        return AccessTokenInfo(token.access_token, _expires_on(token))

    async def _get(self, claims: str | None) -> Token:
        if (refused := self._refused(claims)) is not None:
            await self._source.areject(refused.access_token, worked=self._has_worked())
        token = await self._source.aget()
        self._last = token, time.monotonic()
        return token

    async def close(self) -> None:
        """Does nothing: there is nothing to close."""

    async def __aenter__(self) -> AsyncTokenCredential:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()
