"""Managed policies and who has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from objectlens.access.managed import AWS_MANAGED, PREFIX
from objectlens.catalog import Shelves
from objectlens.catalog.entities import ManagedPolicy, Role, User

EVERYTHING = 2**31 - 1
# Those of AWS were there before us; the date on which AWS released IAM's managed policies serves for all.
_RELEASED = datetime(2015, 2, 6, tzinfo=UTC)


def aws_policy(arn: str) -> ManagedPolicy | None:
    """Return a policy of AWS's as an entity; the account in its ARN is `aws`."""
    document = AWS_MANAGED.get(arn)
    if document is None:
        return None
    path, _, name = arn.removeprefix(PREFIX[:-1]).rpartition("/")
    policy_id = "ANPA" + "".join(c for c in name.upper() if c.isalnum())[:17].ljust(17, "A")
    return ManagedPolicy(
        name=name, account="aws", policy_id=policy_id, created_at=_RELEASED, document=document, path=f"{path}/"
    )


class Usage:
    """Who has which policy; read in one go."""

    def __init__(self, shelves: Shelves, account: str) -> None:
        self.users: Sequence[User] = shelves.users.list(account=account, limit=EVERYTHING)
        self.roles: Sequence[Role] = shelves.roles.list(account=account, limit=EVERYTHING)

    def attached(self, arn: str) -> int:
        """Return how many have a policy attached."""
        return sum(arn in one.attached for one in self.users) + sum(arn in one.attached for one in self.roles)

    def bounded(self, arn: str) -> int:
        """Return how many have a policy as their boundary."""
        return sum(arn == one.boundary for one in self.users) + sum(arn == one.boundary for one in self.roles)
