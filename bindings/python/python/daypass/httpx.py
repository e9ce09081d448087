"""`httpx`, sync and async: `httpx.Client(auth=daypass.httpx.Auth())`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from ._bearer import (
    Bearer, Destinations, Sender, abearer, bearer, is_accepted, is_refusal, not_pickled, place_of, source_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable

    from ._source import AnySource

__all__ = ["Auth"]


class Auth(httpx.Auth):
    """Adds a valid token to every request. A request that is answered 401 is repeated with a new token.

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
        sender = self._learned(answer, sent)
        if sender is None:
            return
        if not _replayable(request):
            sender.discard(sent)
            return
        while _refused(answer, sent):
            fresh = sender.successor(sent)
            if fresh is None:
                return
            sent = request.headers["Authorization"] = fresh
            answer = yield request
        sender.answered(sent)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._destinations.check(str(request.url))
        sent = await abearer(self._source)
        request.headers["Authorization"] = sent
        answer = yield request
        sender = self._learned(answer, sent)
        if sender is None:
            return
        if not _replayable(request):
            await sender.adiscard(sent)
            return
        while _refused(answer, sent):
            fresh = await sender.asuccessor(sent)
            if fresh is None:
                return
            sent = request.headers["Authorization"] = fresh
            answer = yield request
        sender.answered(sent)

    def _learned(self, answer: httpx.Response, sent: Bearer) -> Sender | None:
        """Returns with what to send the request again, if the token was refused."""
        request = answer.request
        sender = Sender(self._source, place_of(request.method, request.url))
        if is_accepted(answer.status_code) and request.headers.get("Authorization") == sent:
            sender.accepted(sent)
        return sender if _refused(answer, sent) else None

    def __reduce__(self) -> str:
        raise not_pickled(self)


def _refused(answer: httpx.Response, sent: Bearer) -> bool:
    # After a redirect to another host the header is gone: that host's 401 says nothing about the token.
    return is_refusal(answer.status_code, answer.headers) and answer.request.headers.get("Authorization") == sent


def _replayable(request: httpx.Request) -> bool:
    """Whether the body is in memory, or a form whose files can be read again: httpx rewinds them itself."""
    if isinstance(request.stream, httpx.ByteStream):
        return True
    fields = getattr(request.stream, "fields", None)
    return isinstance(fields, list) and all(_rewinds(getattr(field, "file", b"")) for field in fields)


def _rewinds(file: Any) -> bool:
    if isinstance(file, (str, bytes)):
        return True
    try:
        return bool(file.seekable())
    except (AttributeError, OSError, ValueError):
        return False
