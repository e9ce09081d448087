"""Who is to blame for a 401: the token, the credential, or the place that answered it. The gateway decides alike.

A token that was accepted and then is refused was revoked: that says nothing against the credential, and it is replaced
at once, however often it happens. Where the replacement is refused too, `verdict` decides. A place that refuses what
others accept is suspected: what is refused there and accepted elsewhere costs no further token. While replacements turn
out to be of no use, a revocation is doubted, for longer and longer.
"""

from __future__ import annotations

import time

# Not imported from typing, which costs more than all of this; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import TypeVar

    T = TypeVar("T")

TOKENS = 32
PLACES = 256
LONGEST_DOUBT = 60.0

# So many tokens in a row may be refused, each fetched because the one before was, by a place that accepted one before
# them. A call can wait for its connection until its token was revoked, and so again.
SPARE = 3

# What a replacement that is refused says.
REVOKED = "revoked"  # it was in use: as with any other, another one helps
DOUBTFUL = "doubtful"  # nobody has accepted it: the credential may be the problem
BAD_PLACE = "bad place"  # others accept it: another would be refused here too
USELESS = "useless"  # both


def verdict(*, here: bool, anywhere: bool, good: bool, tokens: int) -> str:
    """What it says that a replacement is refused.

    here: this place had accepted it. anywhere: any had. good: this place has accepted one, whichever. tokens: how many
    it has refused since, this one among them.
    """
    if here:
        return REVOKED
    if good and tokens < SPARE:
        return REVOKED if anywhere else DOUBTFUL
    if anywhere:
        # It may have been revoked after all: a place that is new is believed once.
        return REVOKED if not good and tokens < 2 else BAD_PLACE
    return USELESS


class Refusals:
    """What one source's tokens met. Tokens are kept as numbers that say nothing about them.

    Only single operations on its dictionaries, which the interpreter makes whole: a lock could be held when somebody
    forks.
    """

    def __init__(self) -> None:
        # With the moment of the last acceptance, and of the last refusal.
        self._accepted: dict[int, int] = {}
        self._suspected: dict[int, int] = {}
        # By place: the token that it accepted last, and those that were fetched and refused since.
        self._good: dict[int, int] = {}
        self._refused: dict[int, tuple[int, ...]] = {}
        self._moment = 0
        self._useless = 0
        self._doubted = 0
        self._doubts_until = 0.0

    def accept(self, place: Hashable, token: str) -> None:
        """A place accepted a token. Most calls end here."""
        number, where = hash(token), hash(place)
        if not self._suspected and not self._refused and self._good.get(where) == number:
            return
        self._suspected.pop(where, None)
        self._refused.pop(where, None)
        self._keep(self._good, where, number, PLACES)
        self._note(self._accepted, number, TOKENS)
        if self._doubted == number:
            # Who was refused told it sooner than who was accepted before.
            self._useless, self._doubts_until, self._doubted = 0, 0.0, 0

    def useful(self, place: Hashable, token: str) -> None:
        """A token that was fetched because this place refused the one before is not refused."""
        self._useless, self._doubts_until = 0, 0.0
        self.accept(place, token)

    def refused(self, place: Hashable, token: str) -> str:
        """It is refused too. Returns the verdict."""
        number, where = hash(token), hash(place)
        refused = self._refused.get(where, ())
        if number not in refused:
            refused = (*refused[-SPARE:], number)
        self._keep(self._refused, where, refused, PLACES)
        good = self._good.get(where)
        found = verdict(
            here=good == number, anywhere=number in self._accepted, good=good is not None, tokens=len(refused)
        )
        if found in (DOUBTFUL, USELESS) and self._doubted != number:
            self._doubts_until = time.monotonic() + min(float(1 << min(self._useless, 6)), LONGEST_DOUBT)
            self._useless += 1
            self._doubted = number
        if found in (BAD_PLACE, USELESS):
            self._good.pop(where, None)
            self._note(self._suspected, where, PLACES)
        return found

    def has_worked(self, place: Hashable, token: str) -> bool:
        """Whether a token was accepted, and its refusal here can mean that it was revoked."""
        return hash(token) in self._accepted and hash(place) not in self._suspected

    def may_wait(self, place: Hashable, token: str, longest: float) -> bool:
        """Whether it is worth waiting for another token: this one was accepted, or others were here."""
        if self._doubts_until - time.monotonic() > longest:
            return False
        return self.has_worked(place, token) or hash(place) in self._good

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
        self._keep(known, number, self._moment, most)

    @staticmethod
    def _keep(known: dict[int, T], number: int, value: T, most: int) -> None:
        known.pop(number, None)
        known[number] = value
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
