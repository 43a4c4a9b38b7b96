"""Policy documents: from JSON text to statements that are ready to be compared, or the reason why not.

Source: "Grammar of the IAM JSON policy language" in the IAM User Guide. The texts of the errors begin as S3's and IAM's
do and go on with the statement that is meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from objectlens.iam.positions import statement_spans
from objectlens.iam.statements import Kind, PolicyError, Statement, StatementReader, check_known

WITH_VARIABLES = "2012-10-17"
LONGEST = 131_072

_VERSIONS = (WITH_VARIABLES, "2008-10-17")
_FIELDS = frozenset({"Version", "Id", "Statement"})


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document that is valid. `uses_context` tells whether anything in it looks at condition keys."""

    text: str = field(repr=False)
    statements: tuple[Statement, ...]
    uses_context: bool


def parse(text: str, kind: Kind) -> Policy:
    """Parse and validate a policy document; raises `PolicyError`."""
    document = _load(text)
    check_known(document, _FIELDS, "")
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS:
        raise PolicyError(f"The policy must contain a valid version string: 2012-10-17 or 2008-10-17, not {version!r}")
    raw = document.get("Statement")
    if raw is None:
        raise PolicyError("Missing required field Statement")
    items = raw if isinstance(raw, list) else [raw]
    if not items and kind != "identity":
        raise PolicyError("Could not parse the policy: Statement is empty!")
    spans = statement_spans(text)
    variables = version == WITH_VARIABLES
    statements = tuple(
        StatementReader(item, number, kind, variables=variables).statement(span)
        for number, (item, span) in enumerate(zip(items, spans, strict=True), start=1)
    )
    _unique([statement.sid for statement in statements if statement.sid])
    return Policy(text, statements, any(map(_uses_context, statements)))


def foreign_action(policy: Policy, service: str) -> str | None:
    """Return the first action, as it is written, that no action of `service` could be; None when there is none.

    A statement with such an action in a resource's policy would never match: S3 refuses the policy.
    """
    statements = json.loads(policy.text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Action", statement.get("NotAction"))
        for action in named if isinstance(named, list) else [named]:
            if action.partition(":")[0].lower() not in {"*", service}:
                return str(action)
    return None


def _uses_context(statement: Statement) -> bool:
    return bool(statement.conditions) or any(one.has_variables for one in statement.resources)


def _load(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise PolicyError(f"Policies may have at most {LONGEST} characters")
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except PolicyError:
        raise
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise PolicyError("Policies must be valid JSON and the first byte must be '{'")
    return document


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated names: readers of the policy and we might take different ones for valid."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise PolicyError(f"Syntax errors in policy: the field {twice} stands twice in one object")
    return found


def _unique(sids: list[str]) -> None:
    seen: set[str] = set()
    for sid in sids:
        if sid in seen:
            raise PolicyError(f"Statement IDs (SID) in a single policy must be unique: {sid} stands twice")
        seen.add(sid)
