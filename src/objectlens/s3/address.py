"""Host and path → what is addressed.

A host label cannot tell everything: under a custom endpoint an access point and an Object Lambda access point have the
same form, `NAME-ACCOUNT.HOST`, and that is a legal bucket name too (reference section 2.3). So an `Address` says what
is written, and the catalog says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["service", "bucket", "object"]


@dataclass(frozen=True, slots=True)
class Address:
    """What a request's host and path name.

    `name` is a bucket name or an alias, or, when `account` is set, an access point's name; None at service level.
    `key` is the decoded object key, None above object level. `service` is `s3-object-lambda` or `s3-accesspoint` when
    the host says so in full, else `s3`. `bucket_label` is set beside `account` when the whole label may be a bucket's
    name as well.
    """

    level: Level
    name: str | None = None
    key: str | None = None
    account: str | None = None
    service: Literal["s3", "s3-accesspoint", "s3-object-lambda"] = "s3"
    bucket_label: str | None = None
