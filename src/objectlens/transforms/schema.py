"""The JSON schema of pipelines, made from the signatures of the steps: the code is the vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from objectlens.transforms.arguments import PRESET, SUBRESOURCES
from objectlens.transforms.limits import Limits
from objectlens.transforms.payload import MAX_STEPS, REFERENCE
from objectlens.transforms.registry import FAMILIES, load

_TYPES = ("integer", "number", "boolean", "string")
_REFERENCE = {"type": "object", "required": [REFERENCE], "properties": {REFERENCE: {"type": "string"}},
              "additionalProperties": False}  # fmt: skip
_DEFAULT_FAMILY = "image"
# Of ASCII, what Python's identifiers have.
_NAME = r"^[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*$"


def vocabulary(families: Iterable[str] = FAMILIES) -> dict[str, Any]:
    """Return every step by full name; raises `MissingExtra` when a family's libraries are absent."""
    return {step.title: step for family in families for step in load(family).steps.values()}


def pipeline_schema(families: Iterable[str] = FAMILIES) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a pipeline."""
    steps = vocabulary(families)
    definitions = {title: _arguments(step) for title, step in steps.items()}
    plain = {title for title, one in definitions.items() if "required" not in one}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "objectlens pipeline",
        "type": "object",
        "required": ["pipeline"],
        "additionalProperties": False,
        "properties": {
            "$schema": {},
            "pipeline": {"type": "array", "minItems": 1, "maxItems": MAX_STEPS},
            "family": {"enum": list(FAMILIES), "default": _DEFAULT_FAMILY},
            "quality": {"enum": ["fast", "exact"], "default": "fast"},
            "parameters": {
                "type": "object",
                "propertyNames": {"pattern": _NAME, "not": {"enum": [PRESET, *sorted(SUBRESOURCES)]}},
                "additionalProperties": {"$ref": "#/$defs/parameter"},
            },
            "presets": {"type": "object", "additionalProperties": {"type": "object"}},
            "presets_only": {"type": "boolean", "default": False},
            "limits": _limits(),
        },
        "allOf": [_of_family(family) for family in FAMILIES],
        "$defs": {
            "step": _step({title: title for title in steps}, plain),
            **{f"{family}-step": _step_of(family, steps, plain) for family in FAMILIES},
            "parameter": _parameter(),
            **definitions,
        },
    }


def _of_family(family: str) -> dict[str, Any]:
    """Return what holds of pipelines of a family: which names without a dot there are."""
    said: dict[str, Any] = {"properties": {"family": {"const": family}}}
    if family != _DEFAULT_FAMILY:
        said["required"] = ["family"]
    items = {"items": {"$ref": f"#/$defs/{family}-step"}}
    return {"if": said, "then": {"properties": {"pipeline": items}}}


def _step_of(family: str, steps: dict[str, Any], plain: set[str]) -> dict[str, Any]:
    """Return the schema of a step in pipelines of a family; `plain` are the full names that need no arguments."""
    short = {step.name: title for title, step in steps.items() if step.family == family}
    own = _step(short, {name for name, title in short.items() if title in plain})
    return {"anyOf": [{"$ref": "#/$defs/step"}, *own["anyOf"]]}


def _step(titles: dict[str, str], plain: set[str]) -> dict[str, Any]:
    """Return the schema of a step by its full name for each name; `plain` are the names that need no arguments."""
    options = {name: {"$ref": f"#/$defs/{title}"} for name, title in titles.items()}
    whole = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": options,
             "additionalProperties": False}  # fmt: skip
    # Validators refuse an `enum` of nothing.
    return {"anyOf": [*([{"enum": sorted(plain)}] if plain else []), whole]}


def _arguments(step: Any) -> dict[str, Any]:
    required = [one.name for one in step.parameters if "default" not in one.schema()]
    properties = {one.name: _or_reference(one.schema()) for one in step.parameters}
    found = {"type": "object", "description": step.summary, "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _or_reference(said: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value in whose place, and in that of whatever is in it, a reference may stand."""
    return {"anyOf": [_with_references(said), _REFERENCE]}


def _with_references(said: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in said:
        return said | {"anyOf": [_with_references(one) for one in said["anyOf"]]}
    return said | {name: _or_reference(said[name]) for name in ("items", "additionalProperties") if said.get(name)}


def _parameter() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "default"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": list(_TYPES)},
            "default": {},
            "minimum": {"type": ["number", "null"]},
            "maximum": {"type": ["number", "null"]},
            "enum": {"type": ["array", "null"], "minItems": 1},
            "maxLength": {"type": ["integer", "null"]},
            "description": {},
        },
        "anyOf": [{"properties": {"type": {"const": one}, "default": {"type": one}}} for one in _TYPES],
    }


def _limits() -> dict[str, Any]:
    names = [one.name for one in dataclasses.fields(Limits)]
    limit = {"type": "number", "exclusiveMinimum": 0}
    return {"type": "object", "properties": dict.fromkeys(names, limit), "additionalProperties": False}
