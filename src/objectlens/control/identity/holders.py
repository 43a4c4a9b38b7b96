"""Users and roles, in what they have in common: names, paths, policies, tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from objectlens.arn import iam_arn
from objectlens.catalog import NotFound, Repository, Shelves
from objectlens.catalog.entities import Role, User
from objectlens.catalog.shelf import Shelf
from objectlens.control.identity.context import Identity
from objectlens.control.protocol import Request
from objectlens.errors import NoSuchEntity, ValidationError

E = TypeVar("E", User, Role)


@dataclass(frozen=True, slots=True)
class Holder:
    """One of the two kinds. `title` is how operations and parameters name it: `User`, `Role`.

    `inline_limit` is the number of characters, white space apart, that its inline policies may have together ("IAM and
    AWS STS quotas" in the IAM User Guide).
    """

    title: str
    inline_limit: int
    repository: Callable[[Identity], Repository[Any]]
    shelf: Callable[[Shelves], Shelf[Any]]

    @property
    def noun(self) -> str:
        """The kind in lower case, as in messages and ARNs."""
        return self.title.lower()

    def name(self, request: Request) -> str:
        """Return the name that a request gives; for users that of the caller himself when it gives none."""
        name = request.params.get(f"{self.title}Name")
        if name is not None:
            return str(name)
        if request.caller.user_name is None or request.caller.session is not None:
            raise ValidationError(f"Must specify {self.noun}Name when calling with non-User credentials")
        return request.caller.user_name

    async def find(self, identity: Identity, request: Request) -> Any:
        """Return the user or role that a request names; raises `NoSuchEntity`."""
        name = self.name(request)
        found = await self.repository(identity).get(identity.account, name)
        if found is None:
            raise self.missing(name)
        return found

    async def arn(self, identity: Identity, request: Request) -> str:
        """Return the ARN to authorise on; for what does not exist, the one that it would have without a path."""
        name = self.name(request)
        found = await self.repository(identity).get(identity.account, name)
        return iam_arn(identity.account, f"{self.noun}/{name}") if found is None else str(found.arn)

    async def change(self, identity: Identity, request: Request, change: Callable[[Any], Any]) -> Any:
        """Replace the user or role that a request names; raises `NoSuchEntity` and what `change` raises."""
        name = self.name(request)
        try:
            return await self.repository(identity).update(identity.account, name, change=change)
        except NotFound:
            raise self.missing(name) from None

    def missing(self, name: str) -> NoSuchEntity:
        """Return the error for a name that nobody has."""
        return NoSuchEntity(f"The {self.noun} with name {name} cannot be found.")


USERS = Holder("User", 2048, lambda identity: identity.catalog.users, lambda all_: all_.users)
ROLES = Holder("Role", 10_240, lambda identity: identity.catalog.roles, lambda all_: all_.roles)
