"""Text and ARNs against patterns.

Source: "IAM JSON policy elements: Resource" in the IAM User Guide.
"""

from __future__ import annotations

from collections.abc import Sequence

from objectlens.iam.globs import fits, segments_of
from objectlens.iam.tokens import Context, Token, Variable, Wildcard


class Template:
    """Text with wildcards and variables, ready to be compared."""

    __slots__ = ("_exact", "_glob", "_tokens", "has_variables")

    def __init__(self, parts: Sequence[Token]) -> None:
        self._tokens = tuple(parts)
        self.has_variables = any(isinstance(token, Variable) for token in parts)
        fixed = not any(isinstance(token, Wildcard | Variable) for token in parts)
        self._exact = "".join([str(token) for token in parts]) if fixed else None
        self._glob = None if fixed or self.has_variables else segments_of(parts)

    @property
    def is_fixed(self) -> bool:
        """Tell whether it has neither wildcards nor variables."""
        return self._exact is not None

    def matches(self, text: str, context: Context) -> bool:
        """Compare with wildcards; a variable without a value matches nothing."""
        if self._exact is not None:
            return text == self._exact
        if self._glob is not None:
            return fits(self._glob, text)
        resolved = self._resolved(context)
        return resolved is not None and fits(segments_of(resolved), text)

    def text(self, context: Context) -> str | None:
        """Return the text with its variables filled in and its wildcards as they are written; None without a value."""
        if self._exact is not None:
            return self._exact
        resolved = self._resolved(context)
        if resolved is None:
            return None
        return "".join([token.value if isinstance(token, Wildcard) else str(token) for token in resolved])

    def _resolved(self, context: Context) -> list[Token] | None:
        resolved: list[Token] = []
        for token in self._tokens:
            value = token.value(context) if isinstance(token, Variable) else token
            if value is None:
                return None
            resolved.append(value)
        return resolved


class ArnTemplate:
    """A pattern for ARNs: its first five parts match part by part, so no wildcard reaches over their colons.

    A pattern that is not written in six parts, as `*`, is compared with the whole text.
    """

    __slots__ = ("_parts", "_whole")

    def __init__(self, parts: Sequence[Token]) -> None:
        split = _split_at_colons(parts)
        self._whole = Template(parts) if len(split) < 6 else None
        self._parts = tuple(Template(part) for part in split)

    @property
    def is_fixed(self) -> bool:
        """Tell whether it has neither wildcards nor variables."""
        return all(part.is_fixed for part in self._parts)

    @property
    def fixes_account(self) -> bool:
        """Tell whether it names one account."""
        return self._whole is None and self._parts[4].is_fixed and self._parts[4].text({}) != ""

    @property
    def has_variables(self) -> bool:
        """Tell whether its meaning depends on the request."""
        return any(part.has_variables for part in self._parts)

    def matches(self, arn: str, context: Context) -> bool:
        """Compare with an ARN."""
        if self._whole is not None:
            return self._whole.matches(arn, context)
        values = arn.split(":", 5)
        return len(values) == 6 and all(
            part.matches(value, context) for part, value in zip(self._parts, values, strict=True)
        )


def _split_at_colons(parts: Sequence[Token]) -> list[list[Token]]:
    """Split at the first five colons of the plain text; those inside a variable's value are not separators."""
    split: list[list[Token]] = [[]]
    for token in parts:
        if not isinstance(token, str):
            split[-1].append(token)
            continue
        first, *others = token.split(":", 6 - len(split))
        split[-1].append(first)
        split.extend([other] for other in others)
    return [[token for token in part if token != ""] for part in split]
