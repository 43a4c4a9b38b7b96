"""The JSON schema of pipelines, made from the signatures of the steps: the code is the vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from objectlens.transforms.limits import Limits
from objectlens.transforms.payload import MAX_STEPS, REFERENCE
from objectlens.transforms.registry import FAMILIES, load

_REFERENCE = {"type": "object", "required": [REFERENCE], "properties": {REFERENCE: {"type": "string"}},
              "additionalProperties": False}  # fmt: skip


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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "objectlens pipeline",
        "type": "object",
        "required": ["pipeline"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string"},
            "pipeline": {"type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": {"$ref": "#/$defs/step"}},
            "family": {"enum": list(FAMILIES), "default": "image"},
            "quality": {"enum": ["fast", "exact"], "default": "fast"},
            "parameters": {"type": "object", "additionalProperties": {"$ref": "#/$defs/parameter"}},
            "presets": {"type": "object", "additionalProperties": {"type": "object"}},
            "presets_only": {"type": "boolean", "default": False},
            "limits": _limits(),
        },
        "$defs": {"step": _step(entries), "parameter": _parameter(), **definitions},
    }


def _step(entries: dict[str, list[str]]) -> dict[str, Any]:
    options = {name: {"anyOf": [{"$ref": f"#/$defs/{one}"} for one in titles]} for name, titles in entries.items()}
    whole = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": options,
             "additionalProperties": False}  # fmt: skip
    return {"anyOf": [{"enum": sorted(entries)}, whole]}


def _arguments(step: Any) -> dict[str, Any]:
    required = [one.name for one in step.parameters if "default" not in one.schema()]
    properties = {one.name: {"anyOf": [one.schema(), _REFERENCE]} for one in step.parameters}
    found = {"type": "object", "description": step.summary, "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _parameter() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "default"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": ["integer", "number", "boolean", "string"]},
            "default": {},
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
            "enum": {"type": "array"},
            "maxLength": {"type": "integer", "minimum": 0},
            "description": {"type": "string"},
        },
    }


def _limits() -> dict[str, Any]:
    names = [one.name for one in dataclasses.fields(Limits)]
    limit = {"type": "number", "exclusiveMinimum": 0}
    return {"type": "object", "properties": dict.fromkeys(names, limit), "additionalProperties": False}
