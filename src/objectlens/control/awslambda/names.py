"""The forms in which a function may be named (reference section 14.5).

`f`, `f:QUALIFIER`, `123456789012:function:f[:QUALIFIER]` and the full ARN; the qualifier may come beside the name, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from objectlens.arn import function_arn
from objectlens.catalog.entities import LATEST
from objectlens.control.protocol.faults import ValidationException
from objectlens.errors import InvalidParameterValueException

_NAME = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]*):(?=\d{12}:))?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?"
)
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function, or one of its versions or aliases. `qualifier` is None where the caller gave none.

    `region` is that of the request, in which what is missing is said to be missing.
    """

    account: str
    name: str
    qualifier: str | None = None
    region: str = field(default="", compare=False)

    @property
    def version(self) -> str:
        """The qualifier, which is `$LATEST` where none was given."""
        return self.qualifier or LATEST

    def at(self, qualifier: str | None) -> FunctionName:
        """Return the same function with another qualifier, or with none."""
        return replace(self, qualifier=qualifier)

    def arn(self, region: str) -> str:
        """Return the ARN, qualified as the caller named it."""
        return function_arn(region, self.account, self.name, self.qualifier)


def parse_name(text: str, account: str, qualifier: str | None = None) -> FunctionName:
    """Take a function's name apart; `account` is the caller's.

    Raises `InvalidParameterValueException` for what is no name of a function, and when the two qualifiers differ;
    `ValidationException` for a name that is too long.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidParameterValueException(f"{text!r} does not name a function.")
    if len(match["name"]) > _LONGEST:  # the model allows 140, for ARNs
        raise ValidationException(
            f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: Member must "
            f"have length less than or equal to {_LONGEST}"
        )
    within = match["qualifier"]
    if within and qualifier and within != qualifier:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionName(match["account"] or account, match["name"], within or qualifier or None)
