"""One cached function with one set of arguments: calls it when it is this caller's turn, in this caller's thread or loop.

Turns what the function returns into the text that the library keeps, and back.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
from typing import TYPE_CHECKING, Any

from ._daypass import Entry, Job, drain_logs
from ._values import described, sealed_text, value_of

if TYPE_CHECKING:
    from types import TracebackType

    from ._token_cache import Function

# How long a token lives when nobody says so, in seconds.
ASSUMED = 300.0


class Slot:
    """One set of arguments: turns what the function returns into a text, and back."""

    def __init__(self, cache: Function, entry: Entry) -> None:
        self.cache = cache
        self.entry = entry
        self.numbers = itertools.count(1)
        # The last two, by text: who waited may come for the one before.
        self.values: dict[str, Any] = {}
        self.raised: tuple[Exception, TracebackType | None] | None = None

    def waited(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = self.entry.hit()
        if text is None:
            text = self.entry.wait(functools.partial(self._call, args, kwargs), self.cache.timeout)
        return self._result(text)

    async def awaited(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        text = self.entry.hit()
        if text is None:
            text = await self._waiting(args, kwargs)
        return self._result(text)

    async def _waiting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        context = contextvars.copy_context()
        calls: set[asyncio.Task[None]] = set()

        def told(job: Job | None, text: str | None, error: BaseException | None) -> None:
            if job is not None:
                # Its own task: the others go on waiting for it when this caller goes away.
                task = loop.create_task(self._acall(args, kwargs, job))
                calls.add(task)
                task.add_done_callback(calls.discard)
            elif future.done():  # cancelled
                pass
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(text)

        def on(job: Job | None, text: str | None, error: BaseException | None) -> None:
            loop.call_soon_threadsafe(told, job, text, error, context=context)

        number = self.entry.begin(on, self.cache.timeout)
        try:
            return await future
        finally:
            self.entry.leave(number)
            drain_logs()

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], job: Job) -> None:
        self.cache.calls += 1
        try:
            self._keep(job, self.cache.function(*args, **kwargs))
        except Exception as error:
            self.raised = (error, error.__traceback__)
            job.raised()
        except BaseException:
            # Not left to the end of the job's life: a traceback may keep it.
            job.broken_off()
            raise

    async def _acall(self, args: tuple[Any, ...], kwargs: dict[str, Any], job: Job) -> None:
        self.cache.calls += 1
        try:
            self._keep(job, await self.cache.function(*args, **kwargs))
        except Exception as error:
            self.raised = (error, error.__traceback__)
            job.raised()
        except BaseException:
            # Not left to the end of the job's life: a traceback may keep it.
            job.broken_off()
            raise

    def _keep(self, job: Job, value: Any) -> None:
        stated = described(value)[1]
        limits = [limit for limit in (stated, self.cache.ttl) if limit is not None]
        text = str(next(self.numbers)) if self.cache.key is None else sealed_text(value)
        self._remember(text, value)
        self.raised = None
        job.returned(text, min(limits) if limits else ASSUMED)

    def _remember(self, text: str, value: Any) -> None:
        self.values[text] = value
        for oldest in list(self.values)[:-2]:
            self.values.pop(oldest, None)

    def value(self, text: str) -> Any:
        """Returns what the function returned: the same object each time, as `functools` does."""
        try:
            return self.values[text]
        except KeyError:
            value = value_of(text)
            self._remember(text, value)
            return value

    def text_of(self, token: str) -> str | None:
        for text, value in list(self.values.items()):
            if described(value)[0] == token:
                return text
        return None

    def _result(self, text: str | None) -> Any:
        if text is not None:
            return self.value(text)
        if self.raised is None:
            raise RuntimeError(f"{self.cache.name} ended without a result")
        error, traceback = self.raised
        raise error.with_traceback(traceback)
