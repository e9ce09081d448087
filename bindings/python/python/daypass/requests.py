"""`requests`: `session.auth = daypass.requests.Auth()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
import requests.auth
from requests.cookies import extract_cookies_to_jar

from ._bearer import (
    Bearer, Destinations, Sender, bearer, is_accepted, is_refusal, not_pickled, place_of, position, rewind,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._source import AnySource

__all__ = ["Auth"]

_SHORT = 64 * 1024
_origins = requests.sessions.SessionRedirectMixin()


class Auth(requests.auth.AuthBase):
    """Adds a valid token to every request. A request that is answered 401 is repeated with a new token.

    A body that can't be read again (a generator, a pipe) is not repeated: its 401 is returned, and the next request has
    a new token. `source` is a TokenSource or the name of a profile.
    """

    def __init__(self, source: AnySource | str | None = None, *, hosts: Iterable[str] | None = None) -> None:
        self._source = source_of(source)
        self._destinations = Destinations(self._source, hosts)

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        self._destinations.check(r.url or "")
        value = bearer(self._source)
        r.headers["Authorization"] = value
        r.register_hook("response", _Hook(self._source, value, r.url or "", position(r.body)))  # type: ignore[no-untyped-call]
        return r

    def __reduce__(self) -> str:
        raise not_pickled(self)


class _Hook:
    """Looks at the answers to one request. An answer is pickled without it, and without the token."""

    def __init__(self, source: AnySource, sent: Bearer, url: str, start: int | None) -> None:
        self._source = source
        self._sent = sent
        self._url = url
        self._start = start

    def __call__(self, answer: requests.Response, **kwargs: Any) -> requests.Response:
        request, sent = answer.request, self._sent
        # After a redirect to another host the header is gone: that host's answer says nothing about the token.
        # A session of one's own may keep it there: still nobody else's answer counts, and no new token goes there.
        if request.headers.get("Authorization") != sent or _is_elsewhere(self._url, request.url or ""):
            return answer
        sender = Sender(self._source, place_of(request.method, request.url))
        if is_accepted(answer.status_code):
            sender.accepted(sent)
        if not is_refusal(answer.status_code, answer.headers):
            return answer
        if self._start is None:
            sender.discard(sent)
            return answer
        while is_refusal(answer.status_code, answer.headers):
            fresh = sender.successor(sent)
            if fresh is None:
                return answer
            _finish(answer)
            again = answer.request.copy()
            rewind(again.body, self._start)
            extract_cookies_to_jar(again._cookies, answer.request, answer.raw)  # type: ignore[attr-defined,no-untyped-call]
            again.prepare_cookies(again._cookies)  # type: ignore[attr-defined]
            sent = again.headers["Authorization"] = fresh
            second: requests.Response = answer.connection.send(again, **kwargs)
            second.history = [*answer.history, answer]
            second.request = again
            answer = second
        sender.answered(sent)
        return answer

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()


def _is_elsewhere(first: str, url: str) -> bool:
    """Whether a redirect led to another origin, by the rules of requests."""
    return first != url and bool(_origins.should_strip_auth(first, url))  # type: ignore[no-untyped-call]


def _nothing() -> None:
    """What is left of a hook in an answer that was pickled."""


def _finish(answer: requests.Response) -> None:
    """Frees the connection: for the next request, if the rest of the answer is short."""
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and int(length) <= _SHORT:
        answer.content
    answer.close()
