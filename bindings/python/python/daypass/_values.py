"""What a cached function takes and returns: arguments and values as JSON, the token in it and how long it lives."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._source import Span


def typed(value: Any) -> Any:
    """Arguments as JSON that tells 1 from 1.0, True and "1"."""
    if value is None or isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins":
        return [type(value).__name__, value]
    if type(value) in (list, tuple):
        return [type(value).__name__, [typed(item) for item in value]]
    if type(value) is dict and all(type(name) is str for name in value):
        return ["dict", [[name, typed(item)] for name, item in sorted(value.items())]]
    raise TypeError(f"with key=, arguments are what JSON knows: not a {type(value).__name__}")


def sealed_text(value: Any) -> str:
    """What is returned as text that other processes can read."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if json.loads(text) != value:
        raise TypeError("with key=, the function returns what JSON knows: a string, or a dict of such")
    return base64.urlsafe_b64encode(text.encode()).decode("ascii")


def value_of(text: str) -> Any:
    """Returns what `sealed_text` was given."""
    return json.loads(base64.urlsafe_b64decode(text))


def described(value: Any) -> tuple[str, float | None]:
    """Returns the token in what the function returned, and how many seconds it says that it lives."""
    if isinstance(value, str):
        return value, None
    look: Callable[[str], Any]
    look = value.get if isinstance(value, Mapping) else functools.partial(_attribute, value)
    token = look("access_token") or look("token")
    if not isinstance(token, str):
        raise TypeError(
            'the function returns a token: a string, or {"access_token": ..., "expires_in": ...}, not a '
            + type(value).__name__
        )
    lifetime = _number(look("expires_in"))
    if lifetime is not None and lifetime > 0:
        return token, lifetime
    for name in ("expires_at", "expires_on", "expiry"):
        left = _left(look(name))
        if left is not None:
            return token, max(0.0, left)
    return token, None


def _attribute(value: object, name: str) -> Any:
    return getattr(value, name, None)


def _number(value: Any) -> float | None:
    """A number, or digits."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _left(value: Any) -> float | None:
    """How many seconds are left until a point in time: a datetime (UTC where it doesn't say), ISO 8601, or Unix time."""
    if isinstance(value, str) and _number(value) is None:
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
    now = datetime.now(timezone.utc)
    if isinstance(value, datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=timezone.utc)) - now).total_seconds()
    moment = _number(value)
    return None if moment is None else moment - now.timestamp()


def seconds(span: Span) -> float:
    if isinstance(span, timedelta):
        return span.total_seconds()
    if isinstance(span, str):
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        number, unit = (span[:-1], span[-1]) if span[-1:] in units else (span, "s")
        try:
            return float(number) * units[unit]
        except ValueError:
            raise ValueError(f'ttl={span!r}: write seconds, or "90s", "10m", "2h"') from None
    return float(span)
