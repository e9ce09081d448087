"""What adapters share: the header's value, where it may go, and what a 401 means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._errors import ConfigError
from ._source import TokenSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._source import AnySource, AsyncSource, Source


class Bearer(str):
    """The value of an `Authorization` header. A traceback that shows locals does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer [hidden]'"

    @property
    def token(self) -> str:
        return str.__str__(self)[len("Bearer ") :]


def source_of(source: AnySource | str | None) -> AnySource:
    """Returns the source, or the one of the profile that is named."""
    return TokenSource(source) if source is None or isinstance(source, str) else source


def bearer(source: Source) -> Bearer:
    return Bearer("Bearer " + source.token())


async def abearer(source: AsyncSource) -> Bearer:
    return Bearer("Bearer " + await source.atoken())


def successor(source: Source, refused: Bearer) -> Bearer | None:
    """Rejects the token and returns another, or None: while there is none, the 401 is passed on."""
    source.reject(refused.token)
    fresh = bearer(source)
    return None if fresh == refused else fresh


async def asuccessor(source: AsyncSource, refused: Bearer) -> Bearer | None:
    await source.areject(refused.token)
    fresh = await abearer(source)
    return None if fresh == refused else fresh


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
