"""The look-ups by name alone that access needs, within the one account of this service."""

from __future__ import annotations

from objectlens.arn import Arn
from objectlens.catalog.catalog import Catalog
from objectlens.catalog.entities import AccessKey, Bucket, ManagedPolicy, PublicAccessBlock, Role, User


class AccountPrincipals:
    """The users, roles, policies and keys of one account."""

    def __init__(self, catalog: Catalog, account: str) -> None:
        self._catalog = catalog
        self._account = account

    async def version(self) -> int:
        """Return a number that changes whenever one of the answers may."""
        return await self._catalog.version()

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        """Return a long-term key of a user."""
        return await self._catalog.access_keys.get(access_key_id)

    async def user(self, name: str) -> User | None:
        """Return a user."""
        return await self._catalog.users.get(self._account, name)

    async def role(self, name: str) -> Role | None:
        """Return a role."""
        return await self._catalog.roles.get(self._account, name)

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        """Return one of the account's own managed policies; None for an ARN of anything else."""
        try:
            parsed = Arn.parse(arn)
        except ValueError:
            return None
        found = await self._catalog.managed_policies.get(parsed.account, parsed.resource.rpartition("/")[2])
        return found if found is not None and found.arn == arn else None

    async def account_block(self) -> PublicAccessBlock | None:
        """Return what the account blocks of public access, None for nothing."""
        found = await self._catalog.accounts.get(self._account)
        return None if found is None else found.public_access_block

    async def bucket(self, name: str) -> Bucket | None:
        """Return a bucket."""
        return await self._catalog.buckets.get(name)
