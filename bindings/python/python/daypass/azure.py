"""azure-core: credentials for clients that take a `TokenCredential`, and policies that survive a 401.

The scopes that a client asks for are not used: what a token is for stands in the profile.
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline.policies import AsyncHTTPPolicy, HTTPPolicy

from ._bearer import (
    Bearer, Destinations, Sender, abearer, bearer, is_accepted, is_refusal, not_pickled, place_of, position,
    rewind, source_of,
)
from ._source import TokenSource, of_profile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ._source import AnySource

    from ._daypass import Token

__all__ = ["AsyncBearerPolicy", "AsyncTokenCredential", "BearerPolicy", "TokenCredential"]

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


class _Policy:
    def __init__(self, source: AnySource | str | None = None, *, hosts: Iterable[str] | None = None) -> None:
        super().__init__()
        self._source = source_of(source)
        self._destinations = Destinations(self._source, hosts)

    def _goes_elsewhere(self, request: Any) -> bool:
        """Whether a redirect led to another host, which gets no token."""
        # Not an option of the transport. What it would forbid is forbidden here.
        request.context.options.pop("enforce_https", None)
        if request.context.get("insecure_domain_change"):
            request.http_request.headers.pop("Authorization", None)
            return True
        self._destinations.check(request.http_request.url)
        return False

    def _sender(self, request: Any) -> Sender:
        return Sender(self._source, place_of(request.http_request.method, request.http_request.url))

    def __reduce__(self) -> str:
        raise not_pickled(self)


class BearerPolicy(_Policy, HTTPPolicy[Any, Any]):
    """Adds a valid token to every request, and repeats one that is answered 401 with a new token.

    For `authentication_policy=` of a client, in place of a credential. A body that can't be read again is not repeated.
    """

    def send(self, request: Any) -> Any:
        if self._goes_elsewhere(request):
            return self.next.send(request)
        sent, sender, start = bearer(self._source), self._sender(request), _position(request)
        answer = self.next.send(_with(request, sent))
        if _is_accepted(answer):
            sender.accepted(sent)
        repeated = False
        while _is_refused(answer):
            if start is None:
                sender.discard(sent)
                return answer
            fresh = sender.successor(sent)
            if fresh is None:
                return answer
            answer.http_response.close()
            rewind(getattr(request.http_request, "data", None), start)
            sent, repeated = fresh, True
            answer = self.next.send(_with(request, sent))
        if repeated:
            sender.answered(sent)
        return answer


class AsyncBearerPolicy(_Policy, AsyncHTTPPolicy[Any, Any]):
    """Does what `BearerPolicy` does, in an asynchronous client."""

    async def send(self, request: Any) -> Any:
        if self._goes_elsewhere(request):
            return await self.next.send(request)
        sent, sender, start = await abearer(self._source), self._sender(request), _position(request)
        answer = await self.next.send(_with(request, sent))
        if _is_accepted(answer):
            sender.accepted(sent)
        repeated = False
        while _is_refused(answer):
            if start is None:
                await sender.adiscard(sent)
                return answer
            fresh = await sender.asuccessor(sent)
            if fresh is None:
                return answer
            closing = answer.http_response.close()
            if inspect.isawaitable(closing):
                await closing
            rewind(getattr(request.http_request, "data", None), start)
            sent, repeated = fresh, True
            answer = await self.next.send(_with(request, sent))
        if repeated:
            sender.answered(sent)
        return answer


def _with(request: Any, sent: Bearer) -> Any:
    request.http_request.headers["Authorization"] = sent
    return request


def _is_accepted(answer: Any) -> bool:
    return is_accepted(answer.http_response.status_code)


def _is_refused(answer: Any) -> bool:
    return is_refusal(answer.http_response.status_code, answer.http_response.headers)


def _position(request: Any) -> int | None:
    """From where the body can be read again, or None where it can't."""
    if getattr(request.http_request, "files", None):
        return None
    body = getattr(request.http_request, "data", None)
    return 0 if isinstance(body, dict) else position(body)
