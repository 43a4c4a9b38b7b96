"""The Condition element.

Source: "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys" in the IAM User
Guide. All conditions of a statement must hold; of the values of one condition any may match, and with a negated
operator none may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from objectlens.iam.operators import OPERATORS, Operator
from objectlens.iam.tokens import Context

Quantifier = Literal["ForAnyValue", "ForAllValues"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator. `key` is in lower case; `wanted` are the compiled values."""

    operator: Operator
    quantifier: Quantifier | None
    if_exists: bool
    key: str
    values: tuple[str, ...]
    wanted: tuple[Any, ...]

    def holds(self, context: Context) -> bool:
        """Tell whether the condition is met."""
        found = context.get(self.key)
        if self.operator.name == "Null":
            return (found is None) in self.wanted
        present = (found,) if isinstance(found, str) else found
        if not present:
            return self._without_value()
        if self.quantifier == "ForAllValues" or (self.quantifier is None and self.operator.negated):
            return all(self._one(value, context) for value in present)
        return any(self._one(value, context) for value in present)

    def _without_value(self) -> bool:
        if self.if_exists or self.quantifier == "ForAllValues":
            return True
        return self.operator.negated and self.quantifier is None

    def _one(self, value: str, context: Context) -> bool:
        test = self.operator.test
        return any(test(value, wanted, context) for wanted in self.wanted) is not self.operator.negated


def compile_condition(name: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """Make a condition of its three parts; raises `ValueError` that says what is wrong with them."""
    quantifier, bare = _quantifier(name)
    if_exists = bare.endswith("IfExists") and bare != "NullIfExists"
    found = OPERATORS.get(bare.removesuffix("IfExists") if if_exists else bare)
    if found is None:
        raise ValueError(f"Invalid Condition type : {name}")
    if ":" not in key:
        raise ValueError(f"Condition key {key} must be prefaced by a vendor, e.g., aws, s3")
    wanted = tuple(found.compile(value, variables) for value in values)
    return Condition(found, quantifier, if_exists, key.lower(), tuple(values), wanted)


def _quantifier(name: str) -> tuple[Quantifier | None, str]:
    prefix, colon, rest = name.partition(":")
    if not colon:
        return None, name
    if prefix == "ForAnyValue":
        return "ForAnyValue", rest
    if prefix == "ForAllValues":
        return "ForAllValues", rest
    raise ValueError(f"Invalid Condition type : {name}")
