"""One statement of a policy: from JSON to something that can be compared, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from objectlens.iam.conditions import Condition, compile_condition
from objectlens.iam.matching import ArnTemplate, Template
from objectlens.iam.positions import Span
from objectlens.iam.principals import Principals, compile_principals
from objectlens.iam.tokens import tokens

# Identity policies, boundaries and session policies have no Principal; trust policies no Resource.
Kind = Literal["identity", "resource", "trust"]

# Not a set: what stands there may be a list, which no set can be asked about.
_EFFECTS = ("Allow", "Deny")
_STATEMENT_FIELDS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_PRINCIPAL_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


class PolicyError(ValueError):
    """A policy document that is not valid; the text names the element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. `not_actions` and `not_resources` turn their lists round; `span` is its place in the text."""

    sid: str | None
    effect: Literal["Allow", "Deny"]
    principals: Principals | None
    actions: tuple[Template, ...]
    not_actions: bool
    resources: tuple[ArnTemplate, ...]
    not_resources: bool
    conditions: tuple[Condition, ...]
    span: Span


def check_known(document: dict[str, Any], fields: frozenset[str], where: str) -> None:
    """Raise `PolicyError` for a field that the grammar does not have."""
    for name in document:
        if name not in fields:
            raise PolicyError(f"Unknown field {name}{where}")


class StatementReader:
    """Reads one statement; every error names it by number and Sid."""

    def __init__(self, item: Any, number: int, kind: Kind, *, variables: bool) -> None:
        self._where = f" (statement {number})"
        if not isinstance(item, dict):
            raise PolicyError(f"Syntax errors in policy: a statement must be an object{self._where}")
        if isinstance(item.get("Sid"), str) and item["Sid"]:
            self._where = f" (statement {number}, Sid {item['Sid']})"
        self._item = item
        self._kind = kind
        self._variables = variables

    def statement(self, span: Span) -> Statement:
        """Return the statement; raises `PolicyError`."""
        item = self._item
        check_known(item, _STATEMENT_FIELDS, self._where)
        if "Effect" not in item:
            raise self._error("Missing required field Effect")
        if item["Effect"] not in _EFFECTS:
            raise self._error(f"Invalid effect : {item['Effect']}")
        return Statement(
            sid=self._sid(),
            effect=item["Effect"],
            principals=self._principals(),
            actions=self._actions(),
            not_actions="NotAction" in item,
            resources=self._resources(),
            not_resources="NotResource" in item,
            conditions=self._conditions(),
            span=span,
        )

    def _error(self, text: str) -> PolicyError:
        return PolicyError(f"{text}{self._where}")

    def _sid(self) -> str | None:
        sid = self._item.get("Sid")
        if sid is not None and not isinstance(sid, str):
            raise self._error("Sid must be a string")
        if self._kind == "identity" and sid and not (sid.isascii() and sid.isalnum()):
            raise self._error(f"Statement IDs (SID) must be alpha-numeric: {sid!r}")
        return sid or None

    def _one_of(self, name: str) -> str | None:
        """Return which of `name` and its negation stands here; both is an error."""
        negation = f"Not{name}"
        if name in self._item and negation in self._item:
            raise self._error(f"Statement/policy already has instance of {name}; it cannot have {negation} too")
        return next((one for one in (name, negation) if one in self._item), None)

    def _texts(self, value: Any, what: str) -> list[str]:
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) and text for text in texts):
            raise self._error(f"Policy has invalid {what}: it must be a text or a list of texts, none of them empty")
        return texts

    def _actions(self) -> tuple[Template, ...]:
        name = self._one_of("Action")
        if name is None:
            raise self._error("Missing required field Action")
        actions = self._texts(self._item[name], "action")
        for action in actions:
            if not _ACTION.fullmatch(action):
                raise self._error(
                    f"Policy has invalid action: {action}. Actions must be prefaced by a vendor, e.g., s3:GetObject"
                )
        return tuple(Template(tokens(action.lower(), variables=False)) for action in actions)

    def _resources(self) -> tuple[ArnTemplate, ...]:
        name = self._one_of("Resource")
        if self._kind == "trust":
            if name is not None:
                raise self._error(f"Has prohibited field {name}")
            return ()
        if name is None:
            raise self._error("Missing required field Resource")
        return tuple(self._resource(text) for text in self._texts(self._item[name], "resource"))

    def _resource(self, text: str) -> ArnTemplate:
        # A leading wildcard is enough for AWS to take the text as a pattern for ARNs.
        if not text.startswith(("arn:", "*", "?", "${")):
            raise self._error(f'Policy has invalid resource: {text} must be in ARN format or "*"')
        try:
            return ArnTemplate(tokens(text, variables=self._variables))
        except ValueError as error:
            raise self._error(f"Policy has invalid resource: {error}") from None

    def _principals(self) -> Principals | None:
        name = self._one_of("Principal")
        if self._kind == "identity":
            if name is not None:
                raise self._error(f"Has prohibited field {name}")
            return None
        if name is None:
            raise self._error("Missing required field Principal")
        if name == "NotPrincipal" and self._item["Effect"] == "Allow":
            raise self._error("Allow with NotPrincipal is not supported; name the principals that are allowed")
        value = self._item[name]
        if value == "*":
            value = {"AWS": "*"}
        if not isinstance(value, dict) or not value or not _PRINCIPAL_KINDS.issuperset(value):
            raise self._error("Invalid principal in policy")
        texts = {kind: self._texts(entries, "principal") for kind, entries in value.items()}
        try:
            return compile_principals(texts.get("AWS", ()), texts.get("Service", ()), negated=name == "NotPrincipal")
        except ValueError as error:
            raise self._error(f"Invalid principal in policy: {error}") from None

    def _conditions(self) -> tuple[Condition, ...]:
        blocks = self._item.get("Condition", {})
        if not isinstance(blocks, dict):
            raise self._error("Syntax errors in policy: Condition must be an object")
        return tuple(
            self._condition(name, key, values)
            for name, block in blocks.items()
            for key, values in self._block(name, block).items()
        )

    def _block(self, name: str, block: Any) -> dict[str, Any]:
        if not isinstance(block, dict):
            raise self._error(f"Syntax errors in policy: Condition {name} must be an object")
        return block

    def _condition(self, name: str, key: str, values: Any) -> Condition:
        try:
            return compile_condition(name, key, self._scalars(key, values), variables=self._variables)
        except ValueError as error:
            raise self._error(str(error)) from None

    def _scalars(self, key: str, values: Any) -> Sequence[str]:
        """Return the values as texts: JSON numbers and booleans are as good as their texts."""
        items = values if isinstance(values, list) else [values]
        if not all(isinstance(item, str | int | float) for item in items):
            raise self._error(f"Syntax errors in policy: the values of condition key {key} must be scalars")
        return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]
