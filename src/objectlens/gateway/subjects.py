"""Whose a budget is: names for people, ARNs for the meter."""

from __future__ import annotations

from objectlens.catalog import Catalog
from objectlens.metering import BadBudget


async def subject_of(catalog: Catalog, account: str, kind: str, name: str) -> str:
    """Return the ARN of an Object Lambda access point, or of the root, a user or a role; ARNs stay what they are.

    Raises `BadBudget` when there is none of that name.
    """
    if name.startswith("arn:"):
        return name
    if kind == "access-point":
        point = await catalog.object_lambda_access_points.get(account, name)
        if point is None:
            raise BadBudget(f"there is no Object Lambda access point {name}")
        return point.arn
    if name == "root":
        return f"arn:aws:iam::{account}:root"
    user = await catalog.users.get(account, name)
    role = await catalog.roles.get(account, name) if user is None else None
    if (found := user or role) is None:
        raise BadBudget(f"there is no user or role {name}")
    return found.arn
