"""How an account's concurrency is shared out (Lambda developer guide, "Configuring reserved concurrency").

Reserved concurrency is a function's own. Provisioned concurrency is kept ready; it counts against what is the
function's own, or else against what the functions without a reservation share. Of that, a part must remain.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from objectlens.catalog import Shelves
from objectlens.catalog.entities import LATEST, Function
from objectlens.control.awslambda.context import Lambda
from objectlens.errors import InvalidParameterValueException, ServiceUnavailable
from objectlens.functions import Arrangement

_LOGGER = logging.getLogger(__name__)

MIN_UNRESERVED = 100
# Other servers over the same database make changes, too.
LOOK_SECONDS = 5.0
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Shares:
    """What the functions of an account have, by name."""

    reserved: Mapping[str, int]
    provisioned: Mapping[str, int]

    def unreserved(self, limit: int) -> int:
        """Return what is left of the limit for functions that have neither."""
        names = self.reserved.keys() | self.provisioned.keys()
        return limit - sum(self.reserved.get(name, self.provisioned.get(name, 0)) for name in names)


def min_unreserved(limit: int) -> int:
    """Return what must remain for the functions without a reservation: AWS's 100, of small accounts a tenth."""
    return min(MIN_UNRESERVED, limit // 10)


def shares_of(shelves: Shelves, account: str) -> Shares:
    """Return what the functions of an account have now."""
    latest = shelves.functions.list(account=account, version=LATEST, limit=_ALL)
    provisioned: dict[str, int] = {}
    for one in shelves.provisioned_concurrency.list(account=account, limit=_ALL):
        provisioned[one.function] = provisioned.get(one.function, 0) + one.requested
    reserved = {one.name: one.reserved_concurrency for one in latest if one.reserved_concurrency is not None}
    return Shares(reserved, provisioned)


def check_shares(shelves: Shelves, account: str, function: str, limit: int, asked: str) -> None:
    """Refuse a change, already made, that leaves too little unreserved or promises a function more than it has.

    `asked` is the parameter that changed.
    """
    shares = shares_of(shelves, account)
    reserved, provisioned = shares.reserved.get(function), shares.provisioned.get(function, 0)
    if reserved is not None and provisioned > reserved:
        if asked == "ReservedConcurrentExecutions":
            raise InvalidParameterValueException(
                f"{asked} {reserved} should not be lower than function's total provisioned concurrency [{provisioned}]."
            )
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
    if shares.unreserved(limit) < (least := min_unreserved(limit)):
        raise InvalidParameterValueException(
            f"Specified {asked} for function decreases account's UnreservedConcurrentExecution below its minimum value "
            f"of [{least}]."
        )


def arrangement_of(shelves: Shelves) -> Arrangement:
    """Return what is set aside now for all functions. Provisioned concurrency of an alias follows its calls."""
    reserved: dict[str, int] = {}
    for one in shelves.functions.list(version=LATEST, limit=_ALL):
        reserved[one.account] = reserved.get(one.account, 0) + (one.reserved_concurrency or 0)
    provisioned: list[tuple[Function, int]] = []
    for kept in shelves.provisioned_concurrency.list(limit=_ALL):
        alias = shelves.function_aliases.get(kept.account, kept.function, kept.qualifier)
        counts = {kept.qualifier: kept.requested}
        if alias is not None:
            counts = {version: round(kept.requested * weight) for version, weight in alias.weights.items()}
            counts[alias.version] = kept.requested - sum(counts.values())
        for version, count in counts.items():
            function = shelves.functions.get(kept.account, kept.function, version)
            if function is not None and count:
                provisioned.append((function, count))
    return Arrangement(reserved=reserved, provisioned=tuple(provisioned))


async def arrange(surroundings: Lambda) -> int:
    """Have set aside what the catalog says; returns the version of the catalog that says so."""
    version, arrangement = await surroundings.catalog.read(arrangement_of)
    surroundings.arrange(arrangement)
    return version


async def keep_arranged(surroundings: Lambda) -> None:
    """Have set aside what the catalog says, and follow it for ever."""
    seen = -1
    while True:
        try:
            version, _ = await surroundings.catalog.read(lambda _: None)
            if version != seen:
                seen = await arrange(surroundings)
        except ServiceUnavailable:
            pass  # the database says so itself, once
        except Exception as error:  # whatever it was, it must not be the last look
            _LOGGER.warning("cannot set aside what functions are to have, trying again: %s", error, exc_info=error)
        await asyncio.sleep(LOOK_SECONDS)
