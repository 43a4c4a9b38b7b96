"""What one of several servers may use of a budget before it asks the database again: its share of what is left.

The database keeps every server's share, and all of them and what was used stay below the limit together. So each
server counts by itself, far from the limit for as long as it likes, and what all of them pass it by is what was under
way, of which nobody knows yet what it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from objectlens.metering.budgets import MEASURES, Measure
from objectlens.metering.spent import Spent

# A server that was asked for nothing for so long gives back what it has; the shorter time is for the end of a budget,
# when others wait for it.
_IDLE_SECONDS = 5.0
_IDLE_NEARING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a server wants of a budget's rest in the period that began at `start`, in place of the share that it has.

    `least` is what it cannot do without, as far as it is there; `more` whether it wants a part of what is left over.
    `entry` is the budget's, see `Use`.
    """

    name: str
    entry: str
    start: int
    least: Spent
    more: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """What the database says of a server's share, which is good until `until`, Unix time.

    `used` is what it was told of this server's own use, None when the server has never had a share.
    """

    used: Spent | None
    share: Spent
    until: int


class Share:
    """The share of this server. Amounts of it are used by what the database has not been told when it was granted."""

    def __init__(self) -> None:
        self.waiting = 0
        self._amounts = Spent()
        self._until = 0.0
        self._asked_at = 0.0
        self._offered = False

    def of(self, measure: Measure, now: datetime) -> int:
        """Return how much may be used in all, on top of what the database knew."""
        return self._amounts.of(measure) if now.timestamp() < self._until else 0

    def asked(self, now: datetime) -> None:
        """Take note that somebody wants something of it."""
        self._asked_at = now.timestamp()

    def granted(self, granted: Granted) -> None:
        """Take over what the database said."""
        self._amounts, self._until = granted.share, float(granted.until)
        self._offered = False

    def lost(self) -> None:
        """Begin with nothing, in a new period."""
        self.granted(Granted(None, Spent(), 0))

    @property
    def held(self) -> bool:
        """Whether there is anything that others could have."""
        return self._amounts != Spent()

    def is_idle(self, now: datetime, *, nearing: bool) -> bool:
        """Whether nobody wants anything of it; `nearing` tells that the budget comes to its end."""
        idle_seconds = _IDLE_NEARING_SECONDS if nearing else _IDLE_SECONDS
        return not self.waiting and now.timestamp() - self._asked_at >= idle_seconds

    def offer(self, since: Spent, owed: Spent, each: Spent | None, now: datetime) -> tuple[Spent, bool] | None:
        """Return what a claim says: the least and whether more is wanted; None when there is nothing to be said.

        `since` is what was used since the share was granted, `owed` what the database will not have heard of; in both
        is what is under way. `each` is what one more takes, None when none is wanted: then all is given up. While the
        database is asked, requests come in: they may have half of what is free, and the other half is given up before.
        Without that, the database could not give less than there was.
        """
        idle = each is None
        # One that was asked for and not heard of may be this server's all the same.
        if idle and not self.held and not self._offered:
            return None
        least = Spent()
        for measure in MEASURES:
            free = max(0, self.of(measure, now) - since.of(measure))
            if not self._offered:
                given = free if idle else free - free // 2
                setattr(self._amounts, measure, self.of(measure, now) - given)
                free -= given
            wanted = 0 if each is None else self.waiting * each.of(measure)
            setattr(least, measure, owed.of(measure) + max(free, wanted))
        self._offered = True
        return least, not idle
