"""`httpx`, sync and async: `httpx.Client(auth=daypass.httpx.Auth())`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from ._bearer import Bearer, Destinations, abearer, asuccessor, bearer, is_refusal, source_of, successor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable

    from ._source import AnySource

__all__ = ["Auth"]


class Auth(httpx.Auth):
    """Adds a valid token to every request. A request that is answered 401 is repeated once with a new token.

    A body that is streamed is not repeated: its 401 is returned, and the next request has a new token. `source` is a
    TokenSource or the name of a profile.
    """

    def __init__(self, source: AnySource | str | None = None, *, hosts: Iterable[str] | None = None) -> None:
        self._source = source_of(source)
        self._destinations = Destinations(self._source, hosts)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._destinations.check(str(request.url))
        sent = bearer(self._source)
        request.headers["Authorization"] = sent
        answer = yield request
        if not _refused(answer, sent):
            return
        if not _replayable(request):
            self._source.reject(sent.token)
            return
        fresh = successor(self._source, sent)
        if fresh is None:
            return
        request.headers["Authorization"] = fresh
        answer = yield request
        if _refused(answer, fresh):
            self._source.reject(fresh.token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._destinations.check(str(request.url))
        sent = await abearer(self._source)
        request.headers["Authorization"] = sent
        answer = yield request
        if not _refused(answer, sent):
            return
        if not _replayable(request):
            await self._source.areject(sent.token)
            return
        fresh = await asuccessor(self._source, sent)
        if fresh is None:
            return
        request.headers["Authorization"] = fresh
        answer = yield request
        if _refused(answer, fresh):
            await self._source.areject(fresh.token)


def _refused(answer: httpx.Response, sent: Bearer) -> bool:
    # After a redirect to another host the header is gone: that host's 401 says nothing about the token.
    return is_refusal(answer.status_code, answer.headers) and answer.request.headers.get("Authorization") == sent


def _replayable(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.ByteStream)
