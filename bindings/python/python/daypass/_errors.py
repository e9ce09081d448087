"""What goes wrong, as exceptions. The classes follow the codes of docs/errors.md."""

from __future__ import annotations


class Error(Exception):
    """An error of daypass: `message` says what happened, `hint` what to do about it.

    `code` is stable and dotted, such as `issuer.rejected`; `retry_after` is the number of seconds to wait before asking
    again, where that is known. No message holds a token, a secret, a body or a query.
    """

    def __init__(
        self, message: str, code: str = "internal", hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code, hint, retry_after)
        self.message = message
        self.code = code
        self.hint = hint
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = f"[{self.code}] {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ConfigError(Error):
    """Usage or configuration: asking again changes nothing (exit code 2 of the command)."""


class Rejected(Error):
    """The issuer refused, or gave a token that can't be used (exit code 3)."""


class Unavailable(Error):
    """Not available now; asking again may help (exit code 4)."""


class StoreError(Error):
    """The cache can't be used as it was asked for (exit code 5)."""
