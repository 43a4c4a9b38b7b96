"""Derived objects: what functions made of source objects, kept so that nobody has to make it again.

What flows through: a `Derived` (which version of which source, through which code with which configuration, with which
arguments) comes in; the answer that was made of it goes out, from the disk, or from the one `Flight` that is making it
just now. The key says all that an answer depends on, so what is found is right by construction and nothing ever has to
be invalidated: a changed source or function is another key.

What it is not: it invokes nothing, reads no source and knows no policies. Whoever asks has looked at the source's
present version and has been authorised before (`objectlambda.managed`).

From the bottom: `key` and `entry` are values, `files` keeps one file for each entry, `index` tells what there is and
what goes first when room is short, `shared` is a second level in some store, `flights` lets one make what many wait
for, `cache` puts these together.
"""

from __future__ import annotations

from objectlens.cache.cache import Cache, Hit, Limits, Purged, Stats
from objectlens.cache.entry import Entry, Head, Pairs, Selection
from objectlens.cache.flights import Begun, Failed, Flight, Hopeless, Made, Make, Spilled
from objectlens.cache.key import Derived, Maker, Source
from objectlens.cache.shared import Shared

__all__ = [
    "Begun",
    "Cache",
    "Derived",
    "Entry",
    "Failed",
    "Flight",
    "Head",
    "Hit",
    "Hopeless",
    "Limits",
    "Made",
    "Make",
    "Maker",
    "Pairs",
    "Purged",
    "Selection",
    "Shared",
    "Source",
    "Spilled",
    "Stats",
]
