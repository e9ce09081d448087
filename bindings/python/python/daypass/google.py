"""google-auth: credentials for `AuthorizedSession` and for clients that take `credentials=`."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import google.auth.credentials

from ._bearer import Bearer, Destinations, Sender, not_pickled, place_of
from ._source import TokenSource, of_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

__all__ = ["Credentials"]


class Credentials(google.auth.credentials.Credentials):  # type: ignore[misc,no-any-unimported,unused-ignore]
    """Adds a valid token to every request. What google-auth calls a refresh is its answer to a 401."""

    def __init__(self, source: TokenSource | str | None = None, *, hosts: Iterable[str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._source = source if isinstance(source, TokenSource) else of_profile(source)
        self._destinations = Destinations(self._source, hosts)
        # google-auth doesn't say which token was refused: it was this thread's last one.
        self._sent = threading.local()

    def before_request(self, request: Any, method: str, url: str, headers: MutableMapping[str, str]) -> None:
        self._destinations.check(url)
        sent: Bearer | None = getattr(self._sent, "value", None)
        if sent is not None and getattr(self._sent, "first", False):
            # google-auth refreshes after each first request that is refused: this one was not.
            self._sent.sender.accepted(sent)
        self._sent.first = not getattr(self._sent, "refreshed", False)
        self._sent.refreshed = False
        if self._sent.first:
            self._sent.sender = Sender(self._source, place_of(method, url))
        self._take()
        self.apply(headers)

    def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        if token is None:
            sent: Bearer = self._sent.value if hasattr(self._sent, "value") else self._take()
            headers["authorization"] = sent
        else:
            headers["authorization"] = Bearer("Bearer " + token)

    def refresh(self, request: Any) -> None:
        sent: Bearer | None = getattr(self._sent, "value", None)
        sender: Sender | None = getattr(self._sent, "sender", None)
        if sent is not None and _carried(sys._getframe(1).f_locals.get("response"), sent):
            if sender is None:
                sender = self._sent.sender = Sender(self._source, None)
            sender.successor(sent)
        self._sent.first, self._sent.refreshed = False, True
        self._take()

    def _take(self) -> Bearer:
        token = self._source.get()
        self.token = token.access_token
        self.expiry = token.expires_at.replace(tzinfo=None)
        self._sent.value = Bearer("Bearer " + token.access_token)
        sent: Bearer = self._sent.value
        return sent

    def __reduce__(self) -> str:
        raise not_pickled(self)


def _carried(answer: object, sent: Bearer) -> bool:
    """Whether the request that was refused had the token.

    After a redirect to another host it had none: that host's 401 says nothing about the token. google-auth doesn't pass
    the answer on; it stands in the frame that asks for a refresh. Where it doesn't, the token is taken to be refused.
    """
    headers = getattr(getattr(answer, "request", None), "headers", None)
    return headers is None or headers.get("Authorization") == sent
