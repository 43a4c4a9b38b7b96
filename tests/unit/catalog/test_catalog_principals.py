import asyncio

from objectlens.catalog import AccountPrincipals, Catalog
from objectlens.catalog.entities import ManagedPolicy
from objectlens.clock import FixedClock
from objectlens.database import Database, sqlite_url
from objectlens.testing.catalogs import ACCOUNT, NOW, OTHER, access_key, bucket, user


def test_principals_are_those_of_one_account(tmp_path):
    async def story():
        database = await Database.open(sqlite_url(tmp_path))
        catalog = Catalog(database, FixedClock(NOW))
        mine, theirs = AccountPrincipals(catalog, ACCOUNT), AccountPrincipals(catalog, OTHER)
        policy = ManagedPolicy(name="p", account=ACCOUNT, policy_id="1", created_at=NOW, document="{}", path="/a/")
        await catalog.users.create(user())
        await catalog.access_keys.create(access_key())
        await catalog.buckets.create(bucket())
        await catalog.managed_policies.create(policy)
        assert await mine.user("ann") == user()
        assert await theirs.user("ann") is None
        assert await mine.access_key("AKIA1") == access_key()
        assert await mine.role("ann") is None
        assert await mine.bucket("pics") == bucket()
        assert await mine.managed_policy(policy.arn) == policy
        for arn in (f"arn:aws:iam::{ACCOUNT}:policy/p", f"arn:aws:iam::{ACCOUNT}:role/a/p", "nonsense"):
            assert await mine.managed_policy(arn) is None
        await database.close()

    asyncio.run(story())
