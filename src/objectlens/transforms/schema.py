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
# Of ASCII, what Python's identifiers have.
_NAME = r"^[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*$"


def vocabulary(families: Iterable[str] = FAMILIES) -> dict[str, Any]:
    """Return every step by full name; raises `MissingExtra` when a family's libraries are absent."""
    return {step.title: step for family in families for step in load(family).steps.values()}


def pipeline_schema(families: Iterable[str] = FAMILIES) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a pipeline."""
    steps = vocabulary(families)
    definitions = {title: _arguments(step) for title, step in steps.items()}
    entries: dict[str, list[str]] = {}
    for title, step in steps.items():
        entries.setdefault(title, []).append(title)
        entries.setdefault(step.name, []).append(title)
    plain = {name for name, titles in entries.items() if any("required" not in definitions[one] for one in titles)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "objectlens pipeline",
        "type": "object",
        "required": ["pipeline"],
        "additionalProperties": False,
        "properties": {
            "$schema": {},
            "pipeline": {"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": {"$ref": "#/$defs/step"}},
            "family": {"enum": list(FAMILIES), "default": "image"},
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
        "$defs": {"step": _step(entries, plain), "parameter": _parameter(), **definitions},
    }


def _step(entries: dict[str, list[str]], plain: set[str]) -> dict[str, Any]:
    """Return the schema of a step; `plain` are the names that need no arguments."""
    options = {name: {"anyOf": [{"$ref": f"#/$defs/{one}"} for one in titles]} for name, titles in entries.items()}
    whole = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": options,
             "additionalProperties": False}  # fmt: skip
    return {"anyOf": [{"enum": sorted(plain)}, whole]}


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
