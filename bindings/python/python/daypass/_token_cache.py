"""`token_cache`: caches what your own function fetches, as daypass caches its tokens.

One source of the library for each function and set of arguments, whose issuer is the function: freshness, the one
flight and rejection are the library's, and with `key=` its sealed store too. What the library keeps is a text: a
number that stands for an object in memory, or JSON.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload

from ._daypass import Entry, Key
from ._errors import ConfigError
from ._slot import ASSUMED, Slot
from ._values import described, seconds, typed

if TYPE_CHECKING:
    from ._source import Span

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class CacheInfo(NamedTuple):
    """`misses` is how often the function was called."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class CachedFunction(Protocol[P, R_co]):
    """A function whose token is cached."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    # As a method. What is left of its arguments is not told.
    @overload
    def __get__(self, instance: None, owner: type, /) -> CachedFunction[P, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> Callable[..., R_co]: ...

    def reject(self, token: object, *, worked: bool = False) -> None:
        """Tells that an API refused this token (or what the function returned) with a 401."""

    async def areject(self, token: object, *, worked: bool = False) -> None:
        """Does what `reject` does, without blocking the event loop."""

    def cache_info(self) -> CacheInfo:
        """Returns counts as `functools.lru_cache` does."""

    def cache_clear(self) -> None:
        """Forgets all tokens of this function, also in the store."""

    def as_source(self, *args: P.args, **kwargs: P.kwargs) -> FunctionSource:
        """Returns a source for `call_with_token` and the adapters."""


@overload
def token_cache(function: Callable[P, R], /) -> CachedFunction[P, R]: ...
@overload
def token_cache(
    *,
    ttl: Span | None = None,
    key: str | bytes | None = None,
    name: str | None = None,
    timeout: Span | None = None,
    maxsize: int = 128,
) -> Callable[[Callable[P, R]], CachedFunction[P, R]]: ...
def token_cache(
    function: Callable[..., Any] | None = None,
    /,
    *,
    ttl: Span | None = None,
    key: str | bytes | None = None,
    name: str | None = None,
    timeout: Span | None = None,
    maxsize: int = 128,
) -> Any:
    """Caches the token that a function fetches, by function and typed arguments.

    The function returns a mapping with `access_token` and `expires_in` or `expires_at`, an object with such attributes,
    or a bare string, which is taken to live for `ttl` (300 s without one). No token is cached for longer than `ttl`.
    At any moment one caller at most is calling it; the others wait for what it returns, or raises, for `timeout` (30 s).

    With `key=`, a secret, processes share the token: sealed in the cache folder, as JSON, under the function's module and
    name (or `name`) and its arguments. What else the token depends on must be an argument.
    """
    if key is not None and not key:
        raise ConfigError(
            "the key of token_cache is empty: anybody could open what it seals",
            "config.secret_empty",
            "is the variable set that it comes from? Pull requests from forks get no secrets",
        )
    sealed = None if key is None else Key(key)
    del key
    longest = None if ttl is None else seconds(ttl)

    def decorate(function: Callable[..., Any]) -> Any:
        return _decorated(Function(function, longest, sealed, name, timeout, maxsize))

    return decorate if function is None else decorate(function)


def _decorated(cache: Function) -> Any:
    function = cache.function
    wrapper: Any
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await cache.slot(args, kwargs).awaited(args, kwargs)

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return cache.slot(args, kwargs).waited(args, kwargs)

    def as_source(*args: Any, **kwargs: Any) -> FunctionSource:
        return FunctionSource(wrapper, args, kwargs)

    wrapper.reject = cache.reject
    wrapper.areject = cache.areject
    wrapper.cache_info = cache.info
    wrapper.cache_clear = cache.clear
    wrapper.as_source = as_source
    return wrapper


class FunctionSource:
    """A cached function with its arguments, as a source."""

    def __init__(self, function: CachedFunction[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs

    def token(self) -> str:
        value = self._function(*self._args, **self._kwargs)
        if inspect.isawaitable(value):
            cast("Any", value).close()
            raise TypeError("an async function has no sync token: use atoken(), or an async client")
        return described(value)[0]

    async def atoken(self) -> str:
        value = self._function(*self._args, **self._kwargs)
        return described(await value if inspect.isawaitable(value) else value)[0]

    def reject(self, token: str, *, worked: bool = False) -> None:
        self._function.reject(token, worked=worked)

    async def areject(self, token: str, *, worked: bool = False) -> None:
        await self._function.areject(token, worked=worked)

    def __repr__(self) -> str:
        return f"<source of {self._function.__wrapped__.__qualname__}()>"


class Function:
    """A function, and a slot for each set of arguments it was called with."""

    def __init__(
        self,
        function: Callable[..., Any],
        ttl: float | None,
        key: Key | None,
        name: str | None,
        timeout: Span | None,
        maxsize: int,
    ) -> None:
        self.function = function
        self.ttl = ttl
        self.key = key
        self.name = name or _name_of(function)
        self.timeout = timeout
        self.maxsize = maxsize
        self.calls = 0
        self.lookups = 0
        self.warned = False
        # Only single operations on it, which the interpreter makes whole: a lock could be held when somebody forks.
        self.slots: dict[Any, Slot] = {}

    def slot(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Slot:
        self.lookups += 1
        named = tuple(sorted(kwargs.items())) if kwargs else ()
        key = (args, named, tuple(map(type, args)), tuple(type(value) for _, value in named))
        slot = self.slots.get(key)
        if slot is None:
            arguments = "" if self.key is None else json.dumps([typed(args), typed(dict(named))])
            slot = self.slots.setdefault(key, Slot(self, Entry(self.name, arguments, self.key)))
            for oldest in list(self.slots)[: max(0, len(self.slots) - self.maxsize)]:
                self.slots.pop(oldest, None)
        return slot

    def _holding(self, token: object) -> list[tuple[Slot, str]]:
        """The slots with this token at hand, each with its text."""
        text = token if isinstance(token, str) else described(token)[0]
        found = [(slot, slot.text_of(text)) for slot in list(self.slots.values())]
        return [(slot, held) for slot, held in found if held is not None]

    def reject(self, token: object, *, worked: bool = False) -> None:
        for slot, text in self._holding(token):
            self._warn_of_bare(slot, text)
            slot.entry.reject(text, worked=worked)

    async def areject(self, token: object, *, worked: bool = False) -> None:
        import asyncio

        for slot, text in self._holding(token):
            self._warn_of_bare(slot, text)
            reject = functools.partial(slot.entry.reject, text, worked=worked)
            await asyncio.get_running_loop().run_in_executor(None, reject)

    def _warn_of_bare(self, slot: Slot, text: str) -> None:
        if self.warned or not isinstance(slot.value(text), str):
            return
        self.warned = True
        lives = ASSUMED if self.ttl is None else self.ttl
        warnings.warn(
            f"a token of {self.name} was refused within the {lives:.0f} s that it was taken to live. Does the issuer say "
            "how long it lives? Then return that too, and it is replaced in time: "
            'return {"access_token": ..., "expires_in": ...}',
            RuntimeWarning,
            stacklevel=3,
        )

    def info(self) -> CacheInfo:
        return CacheInfo(max(0, self.lookups - self.calls), self.calls, self.maxsize, len(self.slots))

    def clear(self) -> None:
        for key in list(self.slots):
            slot = self.slots.pop(key, None)
            if slot is not None:
                slot.entry.forget()
        self.calls = self.lookups = 0


def _name_of(function: Callable[..., Any]) -> str:
    module = function.__module__
    if module == "__main__":
        # Two scripts are two functions; one script, run twice, is one.
        code = getattr(inspect.unwrap(function), "__code__", None)
        module = os.path.realpath(code.co_filename) if code is not None else module
    return f"{module}.{function.__qualname__}"
