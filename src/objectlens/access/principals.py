"""What this room needs to look up. The catalog has these methods; tests may pass anything that does."""

from __future__ import annotations

from typing import Protocol

from objectlens.catalog.entities import AccessKey, Bucket, ManagedPolicy, PublicAccessBlock, Role, User


class Principals(Protocol):
    """Look-ups by name; all answer None for what does not exist."""

    async def version(self) -> int:
        """Return a number that changes whenever one of the answers may."""
        ...

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        """Return a long-term key of a user."""
        ...

    async def user(self, name: str) -> User | None:
        """Return a user."""
        ...

    async def role(self, name: str) -> Role | None:
        """Return a role."""
        ...

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        """Return one of the account's own managed policies."""
        ...

    async def account_block(self) -> PublicAccessBlock | None:
        """Return what the account blocks of public access, None for nothing."""
        ...

    async def bucket(self, name: str) -> Bucket | None:
        """Return a bucket."""
        ...
