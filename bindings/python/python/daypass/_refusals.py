"""Who is to blame for a 401: the token, or the place that answered it. The gateway decides in the same way.

A token that was accepted and then is refused was revoked: that says nothing against the credential, and it is replaced
at once, however often it happens. A place that refuses the replacement too is suspected: what is refused there and
accepted elsewhere costs no further token. While replacements turn out to be of no use, a revocation is doubted, for longer
and longer.
"""

from __future__ import annotations

import time

# Not imported from typing, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

TOKENS = 32
PLACES = 64
LONGEST_DOUBT = 60.0


class Refusals:
    """What one source's tokens met. Tokens are kept as numbers that say nothing about them.

    Only single operations on its dictionaries, which the interpreter makes whole: a lock could be held when somebody
    forks.
    """

    def __init__(self) -> None:
        # With the moment of the last acceptance, and of the last refusal.
        self._accepted: dict[int, int] = {}
        self._suspected: dict[int, int] = {}
        self._moment = 0
        self._useless = 0
        self._doubts_until = 0.0

    def accept(self, place: Hashable, token: str) -> None:
        """A place accepted a token. Most calls end here."""
        number = hash(token)
        if self._suspected:
            self._suspected.pop(hash(place), None)
        elif number in self._accepted:
            return
        self._note(self._accepted, number, TOKENS)

    def replaced(self, place: Hashable, token: str, accepted: bool) -> None:
        """A token that was fetched because this place refused the one before is accepted, or refused too."""
        if accepted:
            self._useless, self._doubts_until = 0, 0.0
            self.accept(place, token)
            return
        self._doubts_until = time.monotonic() + min(float(1 << min(self._useless, 6)), LONGEST_DOUBT)
        self._useless += 1
        self._note(self._suspected, hash(place), PLACES)

    def has_worked(self, place: Hashable, token: str) -> bool:
        """Whether a token was accepted, and its refusal here can mean that it was revoked."""
        return hash(token) in self._accepted and hash(place) not in self._suspected

    def trusts(self) -> bool:
        """Whether it is taken to mean that."""
        return time.monotonic() >= self._doubts_until

    def blames_place(self, place: Hashable, token: str) -> bool:
        """Whether the place is the problem: since its last refusal, others have accepted the token."""
        since = self._suspected.get(hash(place))
        if since is None:
            return False
        accepted = self._accepted.get(hash(token), -1) > since
        self._note(self._suspected, hash(place), PLACES)
        return accepted

    def _note(self, known: dict[int, int], number: int, most: int) -> None:
        self._moment += 1
        known.pop(number, None)
        known[number] = self._moment
        if len(known) > most:
            for oldest in list(known)[:-most]:
                known.pop(oldest, None)


def refusals_of(source: object) -> Refusals:
    """Returns what is known of a source: kept with it, so that all who use it know it."""
    known = getattr(source, "_refusals", None)
    if isinstance(known, Refusals):
        return known
    known = Refusals()
    try:
        source._refusals = known  # type: ignore[attr-defined]
    except AttributeError:  # it has no room for it
        pass
    return known
