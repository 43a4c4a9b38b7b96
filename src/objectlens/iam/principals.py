"""Who asks, and the Principal element that may mean him.

Source: "AWS JSON policy elements: Principal" and "... NotPrincipal" in the IAM User Guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

ANYONE = "*"

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_NAMED = re.compile(
    r"arn:aws[a-z-]*:(?:iam::[0-9]{12}:(?:user|role|federated-user)/.+"
    r"|sts::[0-9]{12}:(?:assumed-role/[^/]+/.+|federated-user/.+)|iam::cloudfront:user/.+)"
)


class Named(IntEnum):
    """How closely a Principal element means a caller; the later, the more it grants by itself.

    ACCOUNT hands the decision to the caller's account, whose identity policies must allow too. ANYONE and ROLE grant,
    within what permissions boundary and session policy leave. SELF, the caller's own ARN, grants in spite of those
    ("Policy evaluation logic" in the IAM User Guide).
    """

    NOT = 0
    ACCOUNT = 1
    ANYONE = 2
    ROLE = 3
    SELF = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. `arn` is the root's, the user's or the role session's; `role_arn` is set for role sessions.

    A `service` (`s3.amazonaws.com`) has neither account nor ARN.
    """

    account: str = ""
    arn: str = ""
    role_arn: str | None = None
    service: str | None = None

    @property
    def is_root(self) -> bool:
        """Tell whether the account's root asks, who is the account."""
        return self.arn.endswith(":root")


@dataclass(frozen=True, slots=True)
class Principals:
    """A Principal or NotPrincipal element: accounts, ARNs and services in one set; `*` is anyone."""

    aws: frozenset[str]
    services: frozenset[str] = frozenset()
    negated: bool = False

    @property
    def is_anyone(self) -> bool:
        """Tell whether it means the whole world, or all of it but some."""
        return self.negated or ANYONE in self.aws

    def names(self, who: Principal) -> Named:
        """Tell how closely the element means `who`."""
        if self.negated:
            return Named.NOT if self._covers(who) else Named.ANYONE
        if who.service is not None:
            return Named.SELF if who.service in self.services or ANYONE in self.services else Named.NOT
        if who.arn in self.aws:
            return Named.SELF
        if who.role_arn is not None and who.role_arn in self.aws:
            return Named.ROLE
        if ANYONE in self.aws:
            return Named.ANYONE
        if who.account in self.aws:
            return Named.SELF if who.is_root else Named.ACCOUNT
        return Named.NOT

    def _covers(self, who: Principal) -> bool:
        """Tell whether NotPrincipal exempts `who`: his ARN must be listed, and his role and his account as well."""
        if ANYONE in self.aws:
            return True
        if who.service is not None:
            return who.service in self.services
        chain = [who.account]
        if not who.is_root:
            chain.append(who.arn)
        if who.role_arn is not None:
            chain.append(who.role_arn)
        return self.aws.issuperset(chain)


def compile_principals(aws: Iterable[str], services: Iterable[str], *, negated: bool) -> Principals:
    """Make a Principals of its entries; raises `ValueError` for one that is no principal.

    The root ARN of an account and its bare number mean the same and are kept as the number.
    """
    entries = set()
    for entry in aws:
        root = _ROOT.fullmatch(entry)
        if root is not None:
            entries.add(root[1])
        elif entry == ANYONE or _ACCOUNT.fullmatch(entry) or (_NAMED.fullmatch(entry) and "*" not in entry):
            entries.add(entry)
        else:
            raise ValueError(entry)
    return Principals(frozenset(entries), frozenset(services), negated)
