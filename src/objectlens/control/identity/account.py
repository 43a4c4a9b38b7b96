"""The account as a whole."""

from __future__ import annotations

from objectlens.catalog import Shelves
from objectlens.control.identity.context import Identity, Result, guarded
from objectlens.control.identity.usage import EVERYTHING
from objectlens.control.protocol import Handler, Request

# "IAM and AWS STS quotas" in the IAM User Guide; those that we keep.
_QUOTAS = {
    "AccessKeysPerUserQuota": 2,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "AssumeRolePolicySizeQuota": 2048,
    "PolicySizeQuota": 6144,
    "RolePolicySizeQuota": 10_240,
    "UserPolicySizeQuota": 2048,
    "VersionsPerPolicyQuota": 1,
}


async def summary(identity: Identity, _request: Request) -> Result:
    """GetAccountSummary: how many there are of what we have, and the quotas."""

    def work(shelves: Shelves) -> dict[str, int]:
        account = identity.account
        return {
            "Users": len(shelves.users.list(account=account, limit=EVERYTHING)),
            "Roles": len(shelves.roles.list(account=account, limit=EVERYTHING)),
            "Policies": len(shelves.managed_policies.list(account=account, limit=EVERYTHING)),
            "Groups": 0,
            "AccountMFAEnabled": 0,
            "AccountAccessKeysPresent": 1,
        }

    _, counts = await identity.catalog.read(work)
    return {"SummaryMap": counts | _QUOTAS}


async def aliases(_identity: Identity, _request: Request) -> Result:
    """ListAccountAliases: there are none, and tools ask at every start."""
    return {"AccountAliases": [], "IsTruncated": False}


async def _any(_identity: Identity, _request: Request) -> str:
    return "*"


HANDLERS: dict[str, Handler[Identity]] = {
    "GetAccountSummary": guarded(summary, _any),
    "ListAccountAliases": guarded(aliases, _any),
}
