"""Genesys Cloud: the official SDK that never sees an expired token.

    import PureCloudPlatformClientV2 as genesys
    import daypass.genesys

    daypass.genesys.configure(genesys)
    genesys.UsersApi().get_users()          # hours later, too
"""

from __future__ import annotations

import copy
import threading
import types
from typing import TYPE_CHECKING, Any

from ._bearer import Bearer, Destinations, Sender, bearer, is_accepted, is_refusal, place_of, source_of
from ._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._gateway import Gateway
    from ._source import AnySource

__all__ = ["configure", "gateway"]

_making = threading.Lock()


def configure(sdk: Any, source: AnySource | str | None = None, *, host: str | None = None) -> Any:
    """Makes the SDK take its tokens from daypass, and returns an ApiClient.

    `sdk` is the module `PureCloudPlatformClientV2`, for every ApiClient of the process, those that there are already too;
    or one ApiClient. Its host becomes the API of the profile's region (or `host`). Each call has a valid token, in
    whatever thread it is made; one that is answered 401 is repeated with a new token. A log-in of the SDK's own
    (`get_client_credentials_token`) is not needed and does no harm.
    """
    found = source_of(source)
    address = host or getattr(found, "api_url", None)
    if not address:
        raise ConfigError(
            "the profile does not say where the API is",
            "config.region_missing",
            "set its region (GC_REGION=eu-west-1), or api_url, or say host=",
        )
    address = address.rstrip("/")
    if isinstance(sdk, types.ModuleType):
        return _configure_module(sdk, found, address)
    if not hasattr(sdk, "set_http_client"):
        raise _too_old()
    sdk.host = address
    # Later calls configure it anew: what is wrapped is the client's own.
    inner = sdk.get_http_client()
    sdk.set_http_client(_client(getattr(inner, "wrapped", inner), found, address))
    return sdk


def gateway(profile: str | None = None, *, env: Mapping[str, str] | None = None) -> Gateway:
    """Returns a gateway for everything that is not the SDK: a context manager with `.url` and `.env`.

    A program that is started with `.env` finds a reverse proxy that puts a valid token on each of its requests and
    survives a 401, and local credentials in place of the real ones. It ends with the block, and with this process.
    """
    from ._gateway import Gateway

    return Gateway(profile, env=env)


def _configure_module(sdk: Any, source: AnySource, address: str) -> Any:
    kind = sdk.ApiClient
    if not hasattr(kind, "set_http_client"):
        raise _too_old()
    original = getattr(kind.get_http_client, "wrapped", kind.get_http_client)

    def get_http_client(self: Any) -> Any:
        inner = original(self)
        if hasattr(inner, "wrapped"):
            return inner
        outer = self.__dict__.get("_daypass")
        if outer is None or outer.wrapped is not inner or outer.source is not source:
            outer = self.__dict__["_daypass"] = _client(inner, source, address)
        return outer

    get_http_client.wrapped = original  # type: ignore[attr-defined]
    kind.get_http_client = get_http_client
    configuration = sdk.configuration.Configuration() if hasattr(sdk.configuration, "Configuration") else sdk.configuration
    configuration.host = address
    with _making:
        if configuration.api_client is None:
            configuration.api_client = kind()
    configuration.api_client.host = address
    return configuration.api_client


def _too_old() -> ConfigError:
    return ConfigError(
        "this release of PureCloudPlatformClientV2 has no set_http_client",
        "config.invalid",
        "install a current one: pip install -U PureCloudPlatformClientV2",
    )


def _client(inner: Any, source: AnySource, address: str) -> Any:
    """Returns an HTTP client of the SDK's kind around another one."""
    # Its base class is the SDK's, which is imported by whoever calls this.
    abstract = next(base for base in type(inner).__mro__ if base.__name__ == "AbstractHttpClient")
    destinations = Destinations(source, None)
    destinations.check(address)

    class DaypassHttpClient(abstract):  # type: ignore[misc,valid-type]
        wrapped = inner

        def __init__(self) -> None:
            super().__init__()
            self.source = source

        def request(self, http_request_options: Any) -> Any:
            options = http_request_options
            if not options.url.startswith(address + "/") or options.url.endswith("/oauth/token"):
                return inner.request(options)  # a log-in of the SDK's own
            sent = bearer(source)
            sender = Sender(source, place_of(options.method, options.url))
            repeated = False
            while True:
                try:
                    answer = inner.request(_with(options, sent))
                except Exception as error:
                    if not _refused(error):
                        raise
                    fresh = sender.successor(sent)
                    if fresh is None:
                        raise
                else:
                    status = getattr(answer, "status", None)
                    if status != 401:
                        if isinstance(status, int) and is_accepted(status):
                            sender.answered(sent) if repeated else sender.accepted(sent)
                        return answer
                    fresh = sender.successor(sent)
                    if fresh is None:
                        return answer
                sent, repeated = fresh, True

    return DaypassHttpClient()


def _with(options: Any, sent: Bearer) -> Any:
    """A copy: the SDK logs the headers of the original."""
    mine = copy.copy(options)
    mine.headers = {**(options.headers or {}), "Authorization": sent}
    return mine


def _refused(error: Exception) -> bool:
    status = getattr(error, "status", None)
    headers = getattr(error, "headers", None) or {}
    return isinstance(status, int) and is_refusal(status, headers)
