"""Policies parsed once."""

from __future__ import annotations

from collections import OrderedDict

from objectlens.iam.documents import Policy, parse
from objectlens.iam.statements import Kind


class PolicyCache:
    """The policies parsed of late, at most `limit`, found by their text.

    A change of policy is a change of text, so nothing ever needs to be thrown out for being old.
    """

    def __init__(self, limit: int = 2048) -> None:
        self._limit = limit
        self._parsed: OrderedDict[tuple[str, Kind], Policy] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parsed)

    def get(self, text: str, kind: Kind) -> Policy:
        """Return the policy of that text; raises `PolicyError`."""
        slot = (text, kind)
        policy = self._parsed.get(slot)
        if policy is None:
            policy = self._parsed[slot] = parse(text, kind)
            if len(self._parsed) > self._limit:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(slot)
        return policy
