"""Policy documents as they come in."""

from __future__ import annotations

from objectlens.errors import LimitExceeded, MalformedPolicyDocument
from objectlens.iam import Kind, PolicyError, parse


def checked(document: str, kind: Kind) -> str:
    """Return a document that is valid, as it was written; raises `MalformedPolicyDocument`."""
    try:
        parse(document, kind)
    except PolicyError as error:
        raise MalformedPolicyDocument(str(error)) from error
    return document


def size(document: str) -> int:
    """Return the size that counts for the quotas: white space is free."""
    return len("".join(document.split()))


def check_size(document: str, limit: int, quota: str) -> None:
    """Raise `LimitExceeded` for a document over a quota."""
    if size(document) > limit:
        raise LimitExceeded(f"Cannot exceed quota for {quota}: {limit}")
