"""One cached function with one set of arguments: calls it when it is this caller's turn, in this caller's thread or loop.

Turns what the function returns into the text that the library keeps, and back. Nothing here keeps an exception: its
frames hold what the function knew.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import itertools
from typing import TYPE_CHECKING, Any

from ._daypass import Entry, Job, drain_logs
from ._errors import Rejected
from ._hidden import Arguments, forget_locals
from ._values import described, sealed_text, value_of

if TYPE_CHECKING:
    from types import TracebackType

    from ._token_cache import Function

# How long a token lives when nobody says so, in seconds.
ASSUMED = 300.0


class Turn:
    """One caller, its arguments, and what came of a call while it waited."""

    __slots__ = ("given", "raised", "returned")

    def __init__(self, given: Arguments) -> None:
        self.given = given
        self.raised: tuple[Exception, TracebackType | None] | None = None
        self.returned: tuple[Any] | None = None

    def __repr__(self) -> str:
        return "<hidden>"


class Slot:
    """One set of arguments: turns what the function returns into a text, and back."""

    def __init__(self, cache: Function, entry: Entry) -> None:
        self.cache = cache
        self.entry = entry
        self.numbers = itertools.count(1)
        # The last two, by text: who waited may come for the one before.
        self.values: dict[str, Any] = {}
        # Who waits. Only single operations on it, as on all that is shared here.
        self.turns: dict[int, Turn] = {}

    def waited(self, given: Arguments) -> Any:
        turn = Turn(given)
        while True:
            self.turns[id(turn)] = turn
            try:
                text = self.entry.wait(functools.partial(self._call, turn), self.cache.timeout)
            finally:
                self.turns.pop(id(turn), None)
            found = self._found(turn, text)
            if found is not None:
                return found[0]

    async def awaited(self, given: Arguments) -> Any:
        turn = Turn(given)
        while True:
            self.turns[id(turn)] = turn
            try:
                text = await self._waiting(turn)
            finally:
                self.turns.pop(id(turn), None)
            found = self._found(turn, text)
            if found is not None:
                return found[0]

    async def _waiting(self, turn: Turn) -> str | None:
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[str | None] = loop.create_future()
        context = contextvars.copy_context()
        calls: set[asyncio.Task[None]] = set()

        def told(job: Job | None, text: str | None, error: BaseException | None) -> None:
            if job is not None:
                # Its own task: the others go on waiting for it when this caller goes away.
                task = loop.create_task(self._acall(turn, job))
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

    def _call(self, turn: Turn, job: Job) -> None:
        self.cache.calls += 1
        try:
            self._keep(job, turn, turn.given.passed_to(self.cache.function))
        except Exception as error:
            self._tell(turn, error)
            job.raised()
        except BaseException:
            # Not left to the end of the job's life: a traceback may keep it.
            job.broken_off()
            raise

    async def _acall(self, turn: Turn, job: Job) -> None:
        self.cache.calls += 1
        try:
            self._keep(job, turn, await turn.given.passed_to(self.cache.function))
        except Exception as error:
            self._tell(turn, error)
            job.raised()
        except BaseException:
            # Not left to the end of the job's life: a traceback may keep it.
            job.broken_off()
            raise

    def _tell(self, turn: Turn, error: Exception) -> None:
        """Gives the exception to all who wait now; who comes later calls the function itself."""
        forget_locals(error)
        raised = (error, error.__traceback__)
        turn.raised = raised
        for other in list(self.turns.values()):
            other.raised = raised

    def _keep(self, job: Job, turn: Turn, value: Any) -> None:
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise TypeError(f"{self.cache.name} returned something to await: decorate the `async def` itself")
        stated = described(value)[1]
        if stated is not None and stated <= 0:
            raise Rejected(
                f"{self.cache.name} returned a token that ended {-stated:.0f} s ago by this machine's clock",
                "issuer.invalid_response",
                "is the clock right, and is expires_at in UTC?",
            )
        limits = [limit for limit in (stated, self.cache.ttl) if limit is not None]
        text = str(next(self.numbers)) if self.cache.key is None else sealed_text(value)
        self._remember(text, value)
        turn.returned = (value,)
        job.returned(text, min(limits) if limits else ASSUMED)

    def _remember(self, text: str, value: Any) -> None:
        self.values[text] = value
        for oldest in list(self.values)[:-2]:
            self.values.pop(oldest, None)

    def held(self, text: str) -> tuple[Any] | None:
        """Returns what the function returned: the same object each time, as `functools` does. None: it is gone."""
        try:
            return (self.values[text],)
        except KeyError:
            if self.cache.key is None:  # the text is a number, and two others came before this caller
                return None
            value = value_of(text)
            self._remember(text, value)
            return (value,)

    def texts_of(self, token: str) -> list[tuple[str, bool]]:
        """The texts at hand that stand for a token, and whether the function returned just that."""
        return [
            (text, isinstance(value, str))
            for text, value in list(self.values.items())
            if described(value)[0] == token
        ]

    def stored_text_of(self, token: str) -> tuple[str, bool] | None:
        """The text in the store, if it stands for a token."""
        text = self.entry.stored()
        if text is None:
            return None
        value = value_of(text)
        return (text, isinstance(value, str)) if described(value)[0] == token else None

    def _found(self, turn: Turn, text: str | None) -> tuple[Any] | None:
        """What a caller waited for. None: it is gone, or this caller joined a call that had ended by then; look again."""
        if text is not None:
            held = self.held(text)
            if held is not None:
                return held
            if turn.returned is None:
                # If it is still the one that is cached, it is of no use to anybody.
                self.entry.reject(text, worked=True)
        if turn.returned is not None:  # it was evicted since, or this is a child that the function forked
            return turn.returned
        if text is not None or turn.raised is None:
            return None
        (error, traceback), turn.raised = turn.raised, None
        try:
            raise error.with_traceback(traceback)
        finally:
            # Or they would keep each other, and all that their frames hold.
            del error, traceback
