"""One call, repeated with a new token when it is refused."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from ._bearer import Bearer, Sender, abearer, bearer, source_of
from ._hidden import Arguments, forget_locals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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
    """Calls `function(token, ...)`; when that raises a 401, again with a new token.

    A 401 is an exception with `.status`, `.status_code` or `.response.status_code` (or `.code`) 401. Wrap a single call:
    what a block did before its 401 would be done twice. An async function, or one that returns something to await, is
    awaited.
    """
    if not callable(function):
        swapped = "; here they are swapped" if callable(source) else ""
        raise TypeError(f"call_with_token(source, function, ...): the function is no {type(function).__name__}{swapped}")
    found = source_of(source)
    _check_no_generator(function)
    given = Arguments(args, kwargs)
    del args, kwargs

    def call(sent: Bearer) -> Any:
        return Arguments((sent.token, *given.args), given.kwargs).passed_to(function)

    return _call(found, function, call)  # type: ignore[no-any-return]


def retry_unauthorized(source: AnySource | str | None = None, /) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a function that makes one call with a token of `source`, and raises on a 401.

    It is then called again; the source has a new token by then. The function asks the source itself, each time.
    """
    if inspect.isroutine(source) and not hasattr(source, "as_source"):
        raise TypeError("retry_unauthorized wants parentheses: @retry_unauthorized() or @retry_unauthorized(source)")
    found = source_of(source)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        _check_no_generator(function)

        def start(given: Arguments) -> Any:
            return _call(found, function, lambda _sent: given.passed_to(function))

        if is_async(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                given = Arguments(args, kwargs)
                del args, kwargs
                return await start(given)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            given = Arguments(args, kwargs)
            del args, kwargs
            return start(given)  # type: ignore[no-any-return]

        return called

    return decorate


def _call(source: AnySource, function: object, call: Callable[[Bearer], Any]) -> Any:
    sender = Sender(source, _place_of(function))
    if is_async(function) or getattr(source, "is_async", False):
        return _acalled(source, sender, call)
    return _called(source, sender, call)


def _called(source: AnySource, sender: Sender, call: Callable[[Bearer], Any]) -> Any:
    sent = bearer(source)
    try:
        result = call(sent)
        if inspect.isawaitable(result):
            return _aresult(source, sender, call, sent, result)
        sender.accepted(sent)
        return result
    except Exception as error:
        forget_locals(error)
        if not is_unauthorized(error):
            raise
        fresh = sender.successor(sent)
        if fresh is None:
            raise
    while True:
        try:
            result = call(fresh)
            sender.answered(fresh)
            return result
        except Exception as error:
            forget_locals(error)
            if not is_unauthorized(error):
                raise
            other = sender.successor(fresh)
            if other is None:
                raise
            fresh = other


async def _acalled(source: AnySource, sender: Sender, call: Callable[[Bearer], Any]) -> Any:
    return await _aresult(source, sender, call, await abearer(source), None)


async def _aresult(
    source: AnySource, sender: Sender, call: Callable[[Bearer], Any], sent: Bearer, begun: Awaitable[Any] | None
) -> Any:
    try:
        result = await _settled(call(sent) if begun is None else begun)
        sender.accepted(sent)
        return result
    except Exception as error:
        forget_locals(error)
        if not is_unauthorized(error):
            raise
        fresh = await sender.asuccessor(sent)
        if fresh is None:
            raise
    while True:
        try:
            result = await _settled(call(fresh))
            sender.answered(fresh)
            return result
        except Exception as error:
            forget_locals(error)
            if not is_unauthorized(error):
                raise
            other = await sender.asuccessor(fresh)
            if other is None:
                raise
            fresh = other


async def _settled(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def is_async(function: object) -> bool:
    """Whether a call of it is to be awaited: also for an object that is called, and for a part of a function."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))


def _check_no_generator(function: object) -> None:
    kinds = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    called = getattr(function, "__call__", None)
    if any(is_one(function) or is_one(called) for is_one in kinds):
        raise TypeError(
            "a generator runs after the call that makes it, so that cannot be repeated: wrap the single request in it"
        )


def _place_of(function: object) -> int:
    """What refuses a token: where the function stands in its source, since a lambda is a new one each time."""
    while isinstance(function, functools.partial):
        function = function.func
    return id(getattr(inspect.unwrap(function), "__code__", function)) if callable(function) else 0


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
