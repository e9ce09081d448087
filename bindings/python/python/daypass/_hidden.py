"""What a traceback with locals, or a debugger's log, is not to show."""

from __future__ import annotations

# Not imported from typing, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PACKAGE = __file__.rpartition("/")[0] + "/"


class Hidden:
    """A value that its repr does not show. Local variables hold this instead of a token."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<hidden>"


class Arguments:
    """Arguments of somebody's function. Its local variables, and ours, show them only where it does."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs

    def passed_to(self, function: Callable[..., Any]) -> Any:
        return function(*self.args, **self.kwargs)

    def __repr__(self) -> str:
        return "<hidden>"


def forget_locals(error: BaseException) -> None:
    """Clears the local variables of this package's frames that have ended by now, in all that led to an exception.

    Which line raised stays. What is still running is not cleared: it holds what it must in `Hidden`.
    """
    seen: set[int] = set()
    errors: list[BaseException | None] = [error]
    while errors:
        one = errors.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        errors += (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
        traceback = one.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if frame.f_code.co_filename.startswith(PACKAGE):
                try:
                    frame.clear()
                except RuntimeError:  # still running
                    pass
            traceback = traceback.tb_next
