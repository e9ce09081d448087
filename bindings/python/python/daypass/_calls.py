"""One call, repeated once with a new token when it is refused."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ._bearer import Bearer, abearer, asuccessor, bearer, source_of, successor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._source import AnySource

P = ParamSpec("P")
R = TypeVar("R")


def call_with_token(
    source: AnySource | str | None,
    function: Callable[Concatenate[str, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Calls `function(token, ...)`; when that raises a 401, once more with a new token.

    A 401 is an exception with `.status`, `.status_code` or `.response.status_code` (or `.code`) 401. Wrap a single call:
    what a block did before its 401 would be done twice. An async function is awaited.
    """
    found = source_of(source)

    def call(bearer: Bearer) -> Any:
        return function(bearer.token, *args, **kwargs)

    if inspect.iscoroutinefunction(function):
        return _acalled(found, call)  # type: ignore[return-value]
    return _called(found, call)  # type: ignore[no-any-return]


def _called(source: AnySource, call: Callable[[Bearer], Any]) -> Any:
    sent = bearer(source)
    try:
        return call(sent)
    except Exception as error:
        if not is_unauthorized(error):
            raise
        fresh = successor(source, sent)
        if fresh is None:
            raise
    try:
        return call(fresh)
    except Exception as error:
        if is_unauthorized(error):
            source.reject(fresh.token)
        raise


async def _acalled(source: AnySource, call: Callable[[Bearer], Any]) -> Any:
    sent = await abearer(source)
    try:
        return await call(sent)
    except Exception as error:
        if not is_unauthorized(error):
            raise
        fresh = await asuccessor(source, sent)
        if fresh is None:
            raise
    try:
        return await call(fresh)
    except Exception as error:
        if is_unauthorized(error):
            await source.areject(fresh.token)
        raise


def retry_unauthorized(source: AnySource | str | None = None, /) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a function that makes one call with a token of `source`, and raises on a 401.

    It is then called once more; the source has a new token by then. The function asks the source itself, each time.
    """
    found = source_of(source)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                return await _acalled(found, lambda _bearer: function(*args, **kwargs))

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            return _called(found, lambda _bearer: function(*args, **kwargs))  # type: ignore[no-any-return]

        return called

    return decorate


def is_unauthorized(error: Exception) -> bool:
    """Whether an exception is a 401 that another token may help (RFC 6750 3.1)."""
    response = getattr(error, "response", None)
    status = next(
        (
            status
            for status in (
                getattr(error, "status", None),
                getattr(error, "status_code", None),
                getattr(response, "status_code", None),
                getattr(response, "status", None),
                getattr(error, "code", None),
            )
            if isinstance(status, int)
        ),
        None,
    )
    headers = getattr(error, "headers", None) or getattr(response, "headers", None) or {}
    try:
        challenge = str(headers.get("WWW-Authenticate", ""))
    except AttributeError:
        challenge = ""
    return status == 401 and "insufficient_scope" not in challenge
