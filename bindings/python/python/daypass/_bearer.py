"""What adapters share: the header's value, where it may go, and what a 401 means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._errors import ConfigError
from ._refusals import BAD_PLACE, USELESS, refusals_of
from ._source import of_profile

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from typing import Any, SupportsIndex

    from ._source import AnySource, AsyncSource, Source

# How long a request whose token was revoked waits for another while fetching is damped, in seconds.
DAMPED = 4.0
# For how long, and how often, a request is repeated whose tokens are revoked one after the other before it has its turn.
STARVED = 30.0
REPEATS = 8


class Bearer(str):
    """The value of an `Authorization` header. A traceback that shows locals does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer [hidden]'"

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[str], tuple[str]]:
        # Whoever pickles an answer, as for a cache, pickles the request's headers with it.
        return str, ("Bearer [hidden]",)

    def __copy__(self) -> Bearer:
        return self

    def __deepcopy__(self, memo: object) -> Bearer:
        return self

    @property
    def token(self) -> str:
        return str.__str__(self)[len("Bearer ") :]


def source_of(source: AnySource | str | None) -> AnySource:
    """Returns the source, or the one of the profile that is named."""
    if source is None or isinstance(source, str):
        return of_profile(source)
    if not hasattr(source, "reject") or not hasattr(source, "token"):
        hint = ": a cached function is one as f.as_source()" if hasattr(source, "as_source") else ""
        raise TypeError(f"a source is a TokenSource or the name of a profile, not a {type(source).__name__}{hint}")
    return source


def bearer(source: Source) -> Bearer:
    return Bearer("Bearer " + source.token())


async def abearer(source: AsyncSource) -> Bearer:
    return Bearer("Bearer " + await source.atoken())


class Sender:
    """Sends one request with tokens of one source, again while it is refused and that may help, and learns from that."""

    def __init__(self, source: AnySource, place: Hashable) -> None:
        self._source = source
        self._place = place
        self._refusals = refusals_of(source)
        self._repeats = 0
        self._began = 0.0
        self._ends = 0.0

    def accepted(self, sent: Bearer) -> None:
        """A request was answered, and not with an error."""
        self._refusals.accept(self._place, sent)

    def answered(self, fresh: Bearer) -> None:
        """A request that was repeated was answered, and not with a 401."""
        self._refusals.useful(self._place, fresh)

    def discard(self, refused: Bearer) -> None:
        """Rejects a token that was refused, for the requests after this one."""
        if not self._refusals.blames_place(self._place, refused):
            self._source.reject(refused.token, worked=self._is_revoked(refused))

    async def adiscard(self, refused: Bearer) -> None:
        if not self._refusals.blames_place(self._place, refused):
            await self._source.areject(refused.token, worked=self._is_revoked(refused))

    def successor(self, refused: Bearer) -> Bearer | None:
        """Rejects the token and returns another, or None: while there is none, the 401 is passed on."""
        if not self._goes_on(refused):
            return None
        while True:
            self._source.reject(refused.token, worked=self._is_revoked(refused))
            fresh = bearer(self._source)
            if fresh != refused:
                return self._repeated(fresh)
            if not self._waits(refused):
                return None
            time.sleep(DAMPED / 16)

    async def asuccessor(self, refused: Bearer) -> Bearer | None:
        import asyncio

        if not self._goes_on(refused):
            return None
        while True:
            await self._source.areject(refused.token, worked=self._is_revoked(refused))
            fresh = await abearer(self._source)
            if fresh != refused:
                return self._repeated(fresh)
            if not self._waits(refused):
                return None
            await asyncio.sleep(DAMPED / 16)

    def _goes_on(self, refused: Bearer) -> bool:
        """Whether another token may help: a call may be starved until its token was revoked, more than once."""
        now = time.monotonic()
        if not self._repeats:
            if self._refusals.blames_place(self._place, refused):
                return False
            self._began = now
        else:
            found = self._refusals.refused(self._place, refused)
            if found in (BAD_PLACE, USELESS) or self._repeats == REPEATS:
                return False
            if now >= self._began + STARVED:
                return False
        self._ends = now + DAMPED if self._refusals.may_wait(self._place, refused, DAMPED) else 0.0
        return True

    def _waits(self, refused: Bearer) -> bool:
        """Whether to wait for another token: not at all where there may never be one that is accepted."""
        return time.monotonic() < self._ends and self._refusals.may_wait(self._place, refused, DAMPED)

    def _repeated(self, fresh: Bearer) -> Bearer:
        self._repeats += 1
        return fresh

    def _is_revoked(self, refused: Bearer) -> bool:
        return self._refusals.has_worked(self._place, refused) and self._refusals.trusts()


def place_of(method: object, url: object) -> Hashable:
    """What answers a request, for `Sender`: its query is left out, which differs from call to call."""
    return method, str(url).partition("?")[0]


def is_accepted(status: int) -> bool:
    """Whether an answer says that the token is good."""
    return 200 <= status < 400


def is_refusal(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that the token is no good: a 401, unless another would be no better (RFC 6750 3.1)."""
    return status == 401 and "insufficient_scope" not in headers.get("WWW-Authenticate", "")


class Destinations:
    """Where a token may go: to the hosts that are named here or in the profile, https only; plain http to this machine."""

    def __init__(self, source: object, hosts: Iterable[str] | None) -> None:
        if hosts is None:
            hosts = getattr(source, "hosts", None) or ()
        self._hosts = frozenset(host.lower() for host in hosts)

    def check(self, url: str) -> None:
        """Raises a ConfigError where a token may not go."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(host)):
            raise ConfigError(
                f"a token would go to {host} without TLS",
                "config.insecure_url",
                "use https; plain http is for this machine only",
            )
        if self._hosts and not {host, f"{host}:{parts.port}"} & self._hosts:
            raise ConfigError(
                f"this token is for {', '.join(sorted(self._hosts))}, not for {host}",
                "config.insecure_url",
                "use another session for it, or name it: hosts in the profile, or hosts= here",
            )


def _is_this_machine(host: str) -> bool:
    """Whether a host is this machine by its text alone: `127.evil.example` is a name like any other."""
    from ipaddress import IPv4Address, ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback if isinstance(address, IPv4Address) else str(address) == "::1"


def not_pickled(thing: object) -> TypeError:
    """What copying or pickling something with a source in it is answered with."""
    return TypeError(f"a {type(thing).__name__} can't be pickled or copied: make one in each process; they share the cache")


def position(body: Any) -> int | None:
    """Returns from where a body can be read again, or None where it can't."""
    if body is None or isinstance(body, (bytes, str)):
        return 0
    try:
        start: int = body.tell()
        body.seek(start)
    except (AttributeError, OSError, ValueError):
        return None
    return start


def rewind(body: Any, start: int) -> None:
    """Puts a body back to where `position` found it."""
    if hasattr(body, "seek"):
        body.seek(start)
