"""What a request asks for: one name out of AWS's own lists.

An `Operation` is decided once, from a table, before the caller is authorised (style rule 2); no handler looks at the
query again to find out what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Api = Literal["s3", "s3control", "lambda", "iam", "sts"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one AWS API.

    `name` is AWS's name for it (`GetObject`). `action` is the IAM action that the caller needs, with its service
    prefix (`s3:GetObject`); where it depends on the kind of resource, the room that owns the table derives it. An
    operation that we decline carries the reason in `declined`, which is what the caller is told.
    """

    api: Api
    name: str
    action: str
    declined: str | None = None
