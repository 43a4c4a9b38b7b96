"""IAM and STS.

What flows through: requests that the protocol engine has read, authorised here on the ARN of what they are about, and
changes to the catalog's users, roles, keys and managed policies. STS makes temporary credentials, which nobody stores.
It decides nothing itself: policies are judged in `access` and `iam`.
"""

from __future__ import annotations

from objectlens.control.identity import (
    account,
    attached,
    inline,
    keys,
    policies,
    roles,
    simulate,
    tagging,
    tokens,
    users,
)
from objectlens.control.identity.context import Identity
from objectlens.control.identity.declined import IAM_DECLINED, STS_DECLINED
from objectlens.control.identity.holders import ROLES, USERS
from objectlens.control.protocol import ControlApi

__all__ = ["Identity", "iam_api", "sts_api"]


def iam_api(identity: Identity) -> ControlApi[Identity]:
    """Return the IAM API."""
    handlers = users.HANDLERS | keys.HANDLERS | roles.HANDLERS | policies.HANDLERS | account.HANDLERS
    handlers |= simulate.HANDLERS
    for holder in (USERS, ROLES):
        handlers |= inline.handlers(holder) | attached.handlers(holder) | tagging.handlers(holder)
    return ControlApi("iam", handlers, identity, identity.access.authorize, declined=IAM_DECLINED)


def sts_api(identity: Identity) -> ControlApi[Identity]:
    """Return the STS API."""
    return ControlApi("sts", tokens.HANDLERS, identity, identity.access.authorize, declined=STS_DECLINED)
