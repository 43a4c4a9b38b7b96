"""What a Lambda function promises of its answers, said by its tags.

AWS's tags take letters, digits, spaces and `+ - = . _ : / @`, hence no commas here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ANSWERS: Final = "objectlens:answers"
DETERMINISTIC: Final = "objectlens:deterministic"
VARIES: Final = "objectlens:varies"
SIZES: Final = "objectlens:sizes"
IDENTITY: Final = "identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """How answers of a function may be used.

    `managed` tells that it makes whole objects out of whole objects and leaves all else to the gateway; `deterministic`
    that the same request always comes to the same bytes. `headers` (in lower case) and, with `identity`, the caller are
    what its answers depend on beside the object and the query. `sizes` says which sizes listings tell (`derived_list`).
    """

    managed: bool = False
    deterministic: bool = True
    headers: frozenset[str] = frozenset()
    identity: bool = False
    sizes: str = "cached"

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> Contract:
        """Read the tags of a function; others than ours mean nothing here."""
        if tags.get(ANSWERS, "").strip().lower() != "managed":
            return STRICT
        varies = frozenset(tags.get(VARIES, "").lower().split())
        return cls(
            managed=True,
            # Whatever it says but a plain yes is taken for a no: to make again is only slow.
            deterministic=tags.get(DETERMINISTIC, "true").strip().lower() == "true",
            headers=varies - {IDENTITY},
            identity=IDENTITY in varies,
            sizes=tags.get(SIZES, "cached").strip().lower(),
        )


STRICT: Final = Contract()
