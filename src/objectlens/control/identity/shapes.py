"""Entities → what the API shows of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from objectlens.catalog.entities import ManagedPolicy, Role, User
from objectlens.errors import InvalidInput, LimitExceeded

VERSION = "v1"

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MOST_TAGS = 50


def new_id(prefix: str, length: int) -> str:
    """Make an id as AWS's: four letters that tell the kind, then `length` random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def user(entity: User) -> dict[str, Any]:
    """Show a user."""
    return {
        "Path": entity.path,
        "UserName": entity.name,
        "UserId": entity.user_id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
        **_boundary(entity.boundary),
        "Tags": tags(entity.tags),
    }


def role(entity: Role) -> dict[str, Any]:
    """Show a role; documents are percent-encoded in all of this API."""
    return {
        "Path": entity.path,
        "RoleName": entity.name,
        "RoleId": entity.role_id,
        "Arn": entity.arn,
        "CreateDate": entity.created_at,
        "AssumeRolePolicyDocument": encoded(entity.assume_role_policy),
        "Description": entity.description,
        "MaxSessionDuration": entity.max_session,
        **_boundary(entity.boundary),
        "Tags": tags(entity.tags),
    }


def brief(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what lists do not show."""
    left_out = {"Tags", "PermissionsBoundary"}
    return {name: value for name, value in shown.items() if name not in left_out}


def managed_policy(entity: ManagedPolicy, attachments: int, boundaries: int = 0) -> dict[str, Any]:
    """Show a managed policy; it has one version."""
    return {
        "PolicyName": entity.name,
        "PolicyId": entity.policy_id,
        "Arn": entity.arn,
        "Path": entity.path,
        "DefaultVersionId": VERSION,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": True,
        "Description": entity.description,
        "CreateDate": entity.created_at,
        "UpdateDate": entity.created_at,
        "Tags": tags(entity.tags),
    }


def encoded(document: str) -> str:
    """Percent-encode a document, as RFC 3986 has it."""
    return quote(document, safe="")


def tags(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Show tags."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def read_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """Read the tags of a request; raises `InvalidInput` for a key given twice, whatever its letter case."""
    given: list[dict[str, str]] = params.get("Tags", [])
    if len({tag["Key"].lower() for tag in given}) != len(given):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return with_tags({}, given)


def with_tags(old: Mapping[str, str], given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return `old` with further tags; one of the same key, whatever its letter case, is replaced."""
    merged = dict(old)
    for tag in given:
        same = next((key for key in merged if key.lower() == tag["Key"].lower()), None)
        if same is not None:
            del merged[same]
        merged[tag["Key"]] = tag["Value"]
    if len(merged) > _MOST_TAGS:
        raise LimitExceeded(f"Cannot exceed quota for TagsPerResource: {_MOST_TAGS}")
    return merged


def _boundary(arn: str | None) -> dict[str, Any]:
    if arn is None:
        return {}
    return {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}}
