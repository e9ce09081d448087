"""`token_cache`: caches what your own function fetches, as daypass caches its tokens.

One source of the library for each function and set of arguments, whose issuer is the function: freshness, the one
flight and rejection are the library's, and with `key=` its sealed store too. What the library keeps is a text: a
number that stands for an object in memory, or JSON.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar, cast, overload

from ._calls import is_async
from ._daypass import Entry, Key, seconds
from ._errors import ConfigError, StoreError
from ._hidden import Arguments, Hidden, forget_locals
from ._refusals import Refusals
from ._slot import ASSUMED, Slot
from ._values import described, distinct, typed

if TYPE_CHECKING:
    from ._source import Span

# What seals for other processes is not found by trying.
SHORTEST_KEY = 12

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
        """Forgets all tokens of this function, also in the store, and those that other processes put there."""

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
    longest = None if ttl is None else seconds("ttl", ttl)
    if longest == 0:
        raise ValueError("ttl=0 would cache nothing")
    patience = None if timeout is None else seconds("timeout", timeout)
    if isinstance(maxsize, bool) or not isinstance(maxsize, int) or maxsize < 1:
        raise ValueError(f"maxsize is how many sets of arguments are kept, at least 1: not {maxsize!r}")
    if name is not None and (not isinstance(name, str) or not name):
        raise ValueError("name is a text that tells this function from others")
    sealed = None if key is None else _key(Hidden(key))
    del key

    def decorate(function: Callable[..., Any]) -> Any:
        if not callable(function):
            raise TypeError(f"token_cache decorates a function, not a {type(function).__name__}")
        if any(is_one(function) for is_one in (inspect.isgeneratorfunction, inspect.isasyncgenfunction)):
            raise TypeError("token_cache decorates a function that returns a token; a generator returns none")
        named = name or _name_of(function, sealed is not None)
        return _decorated(Function(function, longest, sealed, named, patience, maxsize))

    return decorate if function is None else decorate(function)


def _key(hidden: Hidden) -> Key:
    if not isinstance(hidden.value, (str, bytes)):
        raise TypeError(f"the key of token_cache is a str or bytes, not a {type(hidden.value).__name__}")
    if not hidden.value:
        raise ConfigError(
            "the key of token_cache is empty: anybody could open what it seals",
            "config.secret_empty",
            "is the variable set that it comes from? Pull requests from forks get no secrets",
        )
    if len(hidden.value) < SHORTEST_KEY:
        raise ConfigError(
            f"the key of token_cache is too short: who reads the cache folder could try keys until one fits",
            "config.weak_secret",
            f"give it a secret that a program made, of {SHORTEST_KEY} characters at least; the client secret, for one",
        )
    return Key(hidden.value)


def _decorated(cache: Function) -> Any:
    function = cache.function
    wrapper: Any
    if cache.is_async:

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            given = Arguments(args, kwargs)
            del args, kwargs
            try:
                slot = cache.slot(given)
                text = slot.entry.hit()
                held = None if text is None else slot.held(text)
                return await slot.awaited(given) if held is None else held[0]
            except BaseException as error:
                forget_locals(error)
                raise

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            given = Arguments(args, kwargs)
            del args, kwargs
            try:
                slot = cache.slot(given)
                text = slot.entry.hit()
                held = None if text is None else slot.held(text)
                return slot.waited(given) if held is None else held[0]
            except BaseException as error:
                forget_locals(error)
                raise

    def as_source(*args: Any, **kwargs: Any) -> FunctionSource:
        return FunctionSource(wrapper, cache, Arguments(args, kwargs))

    wrapper.reject = cache.reject
    wrapper.areject = cache.areject
    wrapper.cache_info = cache.info
    wrapper.cache_clear = cache.clear
    wrapper.as_source = as_source
    return wrapper


class FunctionSource:
    """A cached function with its arguments, as a source."""

    def __init__(self, function: CachedFunction[..., Any], cache: Function, given: Arguments) -> None:
        self._function = function
        self._cache = cache
        self._given = given
        self._refusals = cache.refusals
        self.is_async = cache.is_async

    def token(self) -> str:
        if self.is_async:
            raise TypeError("an async function has no sync token: use atoken(), or an async client")
        return described(self._given.passed_to(self._function))[0]

    async def atoken(self) -> str:
        value = self._given.passed_to(self._function)
        return described(await value if self.is_async else value)[0]

    def headers(self) -> dict[str, str]:
        """Returns the `Authorization` header with a valid token. For one request: don't keep it."""
        return {"Authorization": "Bearer " + self.token()}

    async def aheaders(self) -> dict[str, str]:
        """Does what `headers` does, for an async function too."""
        return {"Authorization": "Bearer " + await self.atoken()}

    def get(self) -> Any:
        """Returns what the function returned."""
        if self.is_async:
            raise TypeError("an async function returns nothing at once: use aget(), or an async client")
        return self._given.passed_to(self._function)

    async def aget(self) -> Any:
        """Does what `get` does, for an async function too."""
        value = self._given.passed_to(self._function)
        return await value if self.is_async else value

    def reject(self, token: str, *, worked: bool = False) -> None:
        hidden = Hidden(token)
        del token
        self._cache.slot(self._given, counted=False)
        with _warnings_raised_as_logged():
            self._cache.reject(hidden.value, worked=worked)

    async def areject(self, token: str, *, worked: bool = False) -> None:
        hidden = Hidden(token)
        del token
        self._cache.slot(self._given, counted=False)
        with _warnings_raised_as_logged():
            await self._cache.areject(hidden.value, worked=worked)

    def __repr__(self) -> str:
        return f"<source of {self._cache.name}()>"

    def __reduce__(self) -> str:
        raise TypeError("the source of a function can't be pickled or copied: make one in each process")


@contextlib.contextmanager
def _warnings_raised_as_logged() -> Iterator[None]:
    """Under `-W error` a warning is raised. The request that was refused is repeated all the same."""
    try:
        yield
    except RuntimeWarning as warning:
        import logging

        logging.getLogger("daypass").warning("%s", warning)


class Function:
    """A function, and a slot for each set of arguments it was called with."""

    def __init__(
        self,
        function: Callable[..., Any],
        ttl: float | None,
        key: Key | None,
        name: str,
        timeout: float | None,
        maxsize: int,
    ) -> None:
        self.function = function
        self.is_async = is_async(function)
        self.ttl = ttl
        self.key = key
        self.name = name
        self.timeout = timeout
        self.maxsize = maxsize
        self.calls = 0
        self.lookups = 0
        self.warned = False
        self.refusals = Refusals()
        # Only single operations on it, which the interpreter makes whole: a lock could be held when somebody forks.
        self.slots: dict[Any, Slot] = {}

    def slot(self, given: Arguments, counted: bool = True) -> Slot:
        if counted:
            self.lookups += 1
        key: Any
        if self.key is not None:
            key = json.dumps([typed(given.args), typed(given.kwargs)])
        elif given.kwargs:
            key = distinct(given.args), distinct(tuple(sorted(given.kwargs.items())))
        else:
            key = distinct(given.args) if given.args else None
        slot = self.slots.get(key)
        if slot is None:
            slot = self.slots.setdefault(key, Slot(self, self._entry(key or "")))
            for oldest in list(self.slots)[: max(0, len(self.slots) - self.maxsize)]:
                self.slots.pop(oldest, None)
        return slot

    def _entry(self, arguments: object) -> Entry:
        return Entry(self.name, "" if self.key is None else str(arguments), self.key)

    def reject(self, token: object, *, worked: bool = False) -> None:
        hidden = Hidden(token)
        del token
        if self._reject(hidden, worked):
            self._warn_of_bare()

    async def areject(self, token: object, *, worked: bool = False) -> None:
        import asyncio

        hidden = Hidden(token)
        del token
        if await asyncio.get_running_loop().run_in_executor(None, self._reject, hidden, worked):
            self._warn_of_bare()

    def _reject(self, hidden: Hidden, worked: bool) -> bool:
        """Returns whether it was a bare string. A store that fails is passed by: another API call will tell again."""
        try:
            wanted = Hidden(hidden.value if isinstance(hidden.value, str) else described(hidden.value)[0])
            found = [(slot, *text) for slot in list(self.slots.values()) for text in slot.texts_of(wanted.value)]
            if self.key is not None and not found:
                found = self._stored(wanted)
            for slot, text, _ in found:
                slot.entry.reject(text, worked=worked)
            return any(bare for _, _, bare in found)
        except BaseException as error:
            forget_locals(error)
            raise

    def _stored(self, wanted: Hidden) -> list[tuple[Slot, str, bool]]:
        """Where the store has the token: this process may never have called the function."""
        found = []
        try:
            for slot in self._all_slots():
                text = slot.stored_text_of(wanted.value)
                if text is not None:
                    found.append((slot, *text))
        except StoreError as error:
            import logging

            logging.getLogger("daypass").warning("a refused token of %s is not looked for: %s", self.name, error)
        return found

    def _all_slots(self) -> list[Slot]:
        """A slot for each set of arguments that anybody with the key has used, as far as that is known."""
        slots = dict(self.slots)
        if self.key is not None:
            for arguments in self._entry("").known():
                slots.setdefault(arguments, Slot(self, self._entry(arguments)))
        return list(slots.values())

    def _warn_of_bare(self) -> None:
        if self.warned:
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
        slots = self._all_slots()
        self.slots.clear()
        self.calls = self.lookups = 0
        for slot in slots:
            slot.entry.forget()
        if self.key is not None:
            self._entry("").unlist()


def _name_of(function: Callable[..., Any], shared: bool) -> str:
    """What tells a function from others: in all processes, where they share its tokens."""
    parts = function
    while isinstance(parts, functools.partial):
        parts = parts.func
    called = inspect.unwrap(parts)
    name = getattr(parts, "__qualname__", None) or type(parts).__qualname__
    module = getattr(parts, "__module__", None) or "?"
    code = getattr(called, "__code__", None)
    if module == "__main__" and code is not None:
        # Two scripts are two functions; one script, run twice, is one.
        module = os.path.realpath(code.co_filename)
    if shared:
        why = None
        if isinstance(function, functools.partial):
            why = "some of its arguments are given already"
        elif code is None:
            why = "it is an object that is called"
        elif "<lambda>" in name or "<locals>" in name or set(code.co_freevars) - {"__class__"}:
            why = "others that are made in the same place have the same name, and may mean other tokens"
        elif code.co_filename.startswith("<"):
            why = "it stands in no file"
        if why is not None:
            raise ConfigError(
                f"with key=, tokens of {name} would be found by its name, but {why}",
                "usage",
                'say name="...", and make an argument of what else the token depends on; or move it to the top of a module',
            )
    return f"{module}.{name}"
