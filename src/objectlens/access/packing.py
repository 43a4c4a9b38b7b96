"""Callers in few bytes, and back: session tokens travel in URLs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from objectlens.access.values import Caller, Session

Packed = dict[str, Any]


def pack(caller: Caller) -> Packed:
    """Describe a caller. How the present request was signed stays behind."""
    packed: dict[str, Any] = {"k": caller.kind, "a": caller.account, "n": caller.arn, "i": caller.principal_id}
    optional = {"y": caller.access_key_id, "u": caller.user_name, "t": dict(caller.attributes)}
    packed |= {name: value for name, value in optional.items() if value}
    if (session := caller.session) is not None:
        packed["s"] = [
            session.role_name,
            session.role_id,
            session.role_arn,
            session.session_name,
            int(session.created_at.timestamp()),
            session.policy,
        ]
    return packed


def unpack(packed: Packed, access_key_id: str, called_via: tuple[str, ...]) -> Caller:
    """Return the caller described; `access_key_id` is the key that the description came with."""
    session = None
    if "s" in packed:
        role_name, role_id, role_arn, session_name, created, policy = packed["s"]
        session = Session(
            role_name=role_name,
            role_id=role_id,
            role_arn=role_arn,
            session_name=session_name,
            created_at=datetime.fromtimestamp(created, UTC),
            policy=policy,
        )
    return Caller(
        kind=packed["k"],
        account=packed["a"],
        arn=packed["n"],
        principal_id=packed["i"],
        # Forward access keeps the caller whole; all others are known by the key they were just given.
        access_key_id=packed["y"] if called_via else access_key_id,
        user_name=packed.get("u"),
        session=session,
        called_via=called_via,
        attributes=packed.get("t", {}),
    )
