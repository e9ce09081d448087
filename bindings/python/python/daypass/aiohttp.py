"""`aiohttp`: `aiohttp.ClientSession(middlewares=[daypass.aiohttp.Middleware()])`. Needs aiohttp 3.12."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from ._bearer import Destinations, Sender, abearer, is_accepted, is_refusal, not_pickled, place_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import ClientHandlerType

    from ._source import AnySource

__all__ = ["Middleware"]


class Middleware:
    """Adds a valid token to every request. A request that is answered 401 is repeated with a new token.

    Tokens go to one origin: `origin`, else the one of the first request. aiohttp runs a middleware again for each
    redirect; another origin must not get the token, so what goes there passes through untouched. A body that can't be
    sent again is not repeated: its 401 is returned, and the next request has a new token.
    """

    def __init__(
        self,
        source: AnySource | str | None = None,
        *,
        origin: str | None = None,
        hosts: Iterable[str] | None = None,
    ) -> None:
        self._source = source_of(source)
        self._destinations = Destinations(self._source, hosts)
        self._origin = None if origin is None else URL(origin).origin()

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: ClientHandlerType
    ) -> aiohttp.ClientResponse:
        origin = request.url.origin()
        if self._origin is None:
            self._origin = origin
        elif origin != self._origin:
            return await handler(request)
        self._destinations.check(str(origin))
        sent = await abearer(self._source)
        request.headers["Authorization"] = sent
        answer = await handler(request)
        sender = Sender(self._source, place_of(request.method, request.url))
        if is_accepted(answer.status):
            sender.accepted(sent)
        if not is_refusal(answer.status, answer.headers):
            return answer
        while is_refusal(answer.status, answer.headers):
            if getattr(request.body, "consumed", False):
                await sender.adiscard(sent)
                return answer
            fresh = await sender.asuccessor(sent)
            if fresh is None:
                return answer
            answer.release()
            sent = request.headers["Authorization"] = fresh
            answer = await handler(request)
        sender.answered(sent)
        return answer

    def __reduce__(self) -> str:
        raise not_pickled(self)
