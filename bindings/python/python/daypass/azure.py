"""azure-core: credentials for clients that take a `TokenCredential`.

The scopes that a client asks for are not used: what a token is for stands in the profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

from ._source import TokenSource

if TYPE_CHECKING:
    from types import TracebackType

    from ._daypass import Token

__all__ = ["AsyncTokenCredential", "TokenCredential"]


class _Base:
    def __init__(self, source: TokenSource | str | None = None) -> None:
        self._source = source if isinstance(source, TokenSource) else TokenSource(source)
        self._last: Token | None = None

    def __reduce__(self) -> str:
        raise TypeError("a credential can't be pickled or copied: make one in each process; they share the cache")


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
        if claims and self._last is not None:
            self._source.reject(self._last.access_token)
        self._last = self._source.get()
        return self._last

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
        if claims and self._last is not None:
            await self._source.areject(self._last.access_token)
        self._last = await self._source.aget()
        return self._last

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
