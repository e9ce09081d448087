"""What a cached function takes and returns: arguments and values as JSON, the token in it and how long it lives."""

from __future__ import annotations

import base64
import functools
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable

# "Never", for all who count with it.
LONGEST = 10 * 365 * 86400.0
# Unix time in seconds is below this for three thousand years, in milliseconds above it since 1973.
MILLISECONDS = 1e11


def typed(value: Any) -> Any:
    """Arguments as JSON that tells 1 from 1.0, True and "1"."""
    if value is None or isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins":
        return [type(value).__name__, value]
    if type(value) in (list, tuple):
        return [type(value).__name__, [typed(item) for item in value]]
    if type(value) is dict and all(type(name) is str for name in value):
        return ["dict", [[name, typed(item)] for name, item in sorted(value.items())]]
    raise TypeError(f"with key=, arguments are what JSON knows: not a {type(value).__name__}")


def distinct(value: Any) -> Hashable:
    """A key in memory that tells 1 from 1.0 and True, in tuples too."""
    kind = type(value)
    if kind is tuple:
        return kind, tuple(map(distinct, value))
    if kind is frozenset:
        return kind, frozenset(map(distinct, value))
    try:
        hash(value)
    except TypeError:
        unhashable = kind.__name__
    else:
        return kind, value
    raise TypeError(f"arguments of a cached function are hashable, as for functools.lru_cache: not a {unhashable}")


def sealed_text(value: Any) -> str:
    """What is returned as text that other processes can read. A point in time in a dict is written as such."""
    plain, times = value, {}
    if type(value) is dict:
        times = {name: type(item).__name__ for name, item in value.items() if type(item) in _TIMES}
        plain = {name: _TIMES[type(item)](item) if name in times else item for name, item in value.items()}
    wrong = ""
    try:
        text = json.dumps([plain, times], allow_nan=False, separators=(",", ":"))
        if json.loads(text) != [plain, times]:
            wrong = "with key=, the function returns what JSON knows: a string, or a dict of such"
    except (TypeError, ValueError, RecursionError) as error:
        # Told outside: the frames of `json` hold the value.
        wrong = f"with key=, the function returns what JSON knows: {error}"
    if wrong:
        raise TypeError(wrong)
    return base64.urlsafe_b64encode(text.encode()).decode("ascii")


_TIMES: dict[type, Callable[[Any], Any]] = {datetime: datetime.isoformat, timedelta: timedelta.total_seconds}


def value_of(text: str) -> Any:
    """Returns what `sealed_text` was given."""
    value, times = json.loads(base64.urlsafe_b64decode(text))
    for name, kind in times.items():
        value[name] = datetime.fromisoformat(value[name]) if kind == "datetime" else timedelta(seconds=value[name])
    return value


def described(value: Any) -> tuple[str, float | None]:
    """Returns the token in what the function returned, and how many seconds it still lives, as far as that is stated.

    A lifetime of zero, below zero or NaN states nothing, as for every issuer; a point in time that has passed does.
    Where nothing is stated, a JWT's own `exp` is a hint.
    """
    if isinstance(value, str):
        return _checked(value), _of_jwt(value)
    look: Callable[[str], Any]
    look = value.get if isinstance(value, Mapping) else functools.partial(_attribute, value)
    token = look("access_token")
    if token is None:
        token = look("token")
    if not isinstance(token, str):
        raise TypeError(
            'the function returns a token: a string, or {"access_token": ..., "expires_in": ...}, not a '
            + type(value).__name__
        )
    _checked(token)
    lifetime = _lifetime(look("expires_in"))
    if lifetime is not None:
        return token, min(lifetime, LONGEST)
    for name in ("expires_at", "expires_on", "expiry"):
        left = _left(name, look(name))
        if left is not None:
            return token, min(left, LONGEST)
    return token, _of_jwt(token)


def _attribute(value: object, name: str) -> Any:
    return getattr(value, name, None)


def _checked(token: str) -> str:
    if not token:
        raise ValueError("the function returned an empty token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the function returned a token with a line break, a space or another character that no header takes")
    return token


def _lifetime(value: Any) -> float | None:
    """A number of seconds, a text of digits, or a timedelta."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None:
        raise ValueError(f"expires_in is a number of seconds; the function returned a {type(value).__name__} that is none")
    return number if number > 0 else None


def _left(name: str, value: Any) -> float | None:
    """How many seconds are left until a point in time: a datetime (UTC where it doesn't say), ISO 8601, or Unix time."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _number(value) is None:
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            pass
    now = datetime.now(timezone.utc)
    if isinstance(value, datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=timezone.utc)) - now).total_seconds()
    moment = _number(value)
    if moment is None:
        raise ValueError(
            f"{name} is a datetime, ISO 8601, or Unix time in seconds or milliseconds; the function returned a "
            f"{type(value).__name__} that is none"
        )
    if math.isnan(moment) or moment <= 0:
        return None
    left = (moment / 1000 if moment >= MILLISECONDS else moment) - now.timestamp()
    if moment >= MILLISECONDS and left > LONGEST:
        raise ValueError(f"{name} is Unix time in seconds or milliseconds; the function returned one in a smaller unit")
    return left


def _number(value: Any) -> float | None:
    """A number, or digits."""
    if isinstance(value, bool) or not (isinstance(value, (int, float, str)) or type(value).__name__ == "Decimal"):
        return None  # a Decimal is what DynamoDB returns
    try:
        return float(value)
    except (ValueError, OverflowError):
        return LONGEST if isinstance(value, int) else None


def _of_jwt(token: str) -> float | None:
    """How long a JWT says that it lives; nothing where it is none, or has ended by this machine's clock."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    ends = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(ends, bool) or not isinstance(ends, (int, float)) or not math.isfinite(ends):
        return None
    left = ends - datetime.now(timezone.utc).timestamp()
    return min(left, LONGEST) if left > 0 else None
