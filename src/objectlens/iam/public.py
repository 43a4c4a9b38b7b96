"""Whether a policy opens a resource to the public, as Block Public Access judges it.

Source: "The meaning of public" in the S3 User Guide. A policy is public until each statement that allows names its
principals, or is tied to fixed values of a key that only the owner's own things can have.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network

from objectlens.iam.conditions import Condition
from objectlens.iam.documents import Policy
from objectlens.iam.matching import ArnTemplate, Template
from objectlens.iam.statements import Statement

_FIXING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
_POSITIVE = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"})
# Wider ranges than these count as public.
_WIDEST = {4: 8, 6: 32}
_ROLE_SESSIONS = re.compile(r"[A-Z0-9]+:\*")
_OWN_ACCESS_POINTS = re.compile(r"arn:aws[a-z-]*:s3:[^:]*:[0-9]{12}:accesspoint[/:].+")


def is_public(policy: Policy) -> bool:
    """Tell whether any statement grants to the public."""
    return any(_grants_to_public(statement) for statement in policy.statements)


def _grants_to_public(statement: Statement) -> bool:
    if statement.effect != "Allow" or statement.principals is None or not statement.principals.is_anyone:
        return False
    return not any(_ties_down(condition) for condition in statement.conditions)


def _ties_down(condition: Condition) -> bool:
    """Tell whether a condition leaves only fixed values; one that also holds without the key leaves everything."""
    if condition.if_exists or condition.quantifier == "ForAllValues" or not condition.wanted:
        return False
    if condition.key == "aws:sourceip":
        return condition.operator.name == "IpAddress" and all(_narrow(network) for network in condition.wanted)
    if condition.key not in _FIXING_KEYS or condition.operator.name not in _POSITIVE:
        return False
    pairs = zip(condition.values, condition.wanted, strict=True)
    return all(_fixed(condition, text, wanted) for text, wanted in pairs)


def _narrow(network: IPv4Network | IPv6Network) -> bool:
    return network.prefixlen >= _WIDEST[network.version]


def _fixed(condition: Condition, text: str, wanted: Template | ArnTemplate) -> bool:
    if wanted.is_fixed or condition.operator.name in {"StringEquals", "StringEqualsIgnoreCase"}:
        return not wanted.has_variables
    if condition.key == "aws:userid":
        return _ROLE_SESSIONS.fullmatch(text) is not None
    # The name of the access point may be open as long as the account that owns it is fixed.
    return condition.key == "s3:dataaccesspointarn" and _OWN_ACCESS_POINTS.fullmatch(text) is not None
