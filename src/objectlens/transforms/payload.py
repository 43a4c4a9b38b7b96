"""Pipelines as JSON: the text of an Object Lambda access point's `FunctionPayload`, read into frozen values.

```json
{"pipeline": [{"decode": {}}, {"resize": {"width": {"$param": "size"}, "height": 256}}, {"encode": {"format": "jpeg"}}],
 "family": "image", "quality": "fast",
 "parameters": {"size": {"type": "integer", "default": 256, "minimum": 16, "maximum": 1024}},
 "presets": {"thumb": {"size": 64}}, "presets_only": false, "limits": {"pixels": 50000000}}
```
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from objectlens.transforms.arguments import Parameters
from objectlens.transforms.context import Quality
from objectlens.transforms.errors import BadPipeline
from objectlens.transforms.hints import is_whole
from objectlens.transforms.registry import check_family

MAX_LENGTH = 64 * 1024
MAX_STEPS = 64
MAX_DEPTH = 64
REFERENCE = "$param"
_FIELDS = frozenset({"pipeline", "family", "quality", "parameters", "presets", "presets_only", "limits", "$schema"})


@dataclass(frozen=True, slots=True)
class Payload:
    """A pipeline as it was declared: steps with arguments that may refer to parameters."""

    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    parameters: Parameters
    limits: Mapping[str, Any]
    quality: Quality
    family: str


def parse(text: str) -> Payload:
    """Read a payload; raises `BadPipeline` with the place and the remedy."""
    if len(text) > MAX_LENGTH:
        raise BadPipeline(f"the pipeline is longer than {MAX_LENGTH} characters")
    try:
        said = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except BadPipeline:
        raise
    except (ValueError, RecursionError) as error:
        raise BadPipeline(f"the pipeline is not JSON: {error}") from error
    return read(said)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raises `BadPipeline` for a name said twice, of which JSON's reader takes the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        whole = "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs) + "}"
        raise BadPipeline(f"an object of the pipeline says {', '.join(map(repr, twice))} more than once: {whole:.200}")
    return found


def _no_number(name: str) -> Any:
    """Refuse what Python reads as a number and JSON does not have; compared with `NaN`, nothing is out of bounds."""
    raise BadPipeline(f"the pipeline is not JSON, which has no {name}")


def read(said: Any) -> Payload:
    """Read a payload that is parsed JSON already; raises `BadPipeline`."""
    if not isinstance(said, Mapping) or "pipeline" not in said:
        raise BadPipeline('a pipeline is an object such as {"pipeline": [{"decode": {}}, {"encode": {}}]}')
    if _deeper(said, MAX_DEPTH):
        raise BadPipeline(f"the pipeline is nested more than {MAX_DEPTH} levels deep")
    if not is_whole(json.dumps(said, ensure_ascii=False, default=str)):
        raise BadPipeline("the pipeline has half a pair of surrogates somewhere, which is no character")
    if unknown := sorted(set(said) - _FIELDS):
        raise BadPipeline(f"unknown entries {', '.join(unknown)}; there are {', '.join(sorted(_FIELDS))}")
    steps = said["pipeline"]
    if not isinstance(steps, list) or not 1 <= len(steps) <= MAX_STEPS:
        raise BadPipeline(f"pipeline must be a list of 1 to {MAX_STEPS} steps")
    quality, family, limits = said.get("quality", "fast"), said.get("family", "image"), said.get("limits", {})
    if quality not in ("fast", "exact"):
        raise BadPipeline(f"quality must be fast or exact, not {quality!r}")
    if not isinstance(family, str) or not isinstance(limits, Mapping):
        raise BadPipeline("family must be a text and limits an object")
    check_family(family)
    presets_only = said.get("presets_only", False)
    if not isinstance(presets_only, bool):
        raise BadPipeline("presets_only must be true or false")
    parameters = Parameters.parse(said.get("parameters", {}), said.get("presets", {}), presets_only=presets_only)
    return Payload(tuple(map(_step, range(len(steps)), steps)), parameters, limits, quality, family)


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether JSON is nested more than so many levels deep, without going deeper itself."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(levels == 0 or _deeper(one, levels - 1) for one in inner)


def _step(number: int, said: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(said, str):
        return said, {}
    if not isinstance(said, Mapping) or len(said) != 1:
        raise BadPipeline(f'step {number + 1} must be an object of one entry such as {{"resize": {{"width": 256}}}}')
    name, arguments = next(iter(said.items()))
    if not isinstance(arguments, Mapping) or set(arguments) == {REFERENCE}:
        raise BadPipeline(f"the arguments of step {number + 1}, {name!r}, must be an object")
    return name, arguments


def references(value: Any) -> set[str]:
    """Return the names of the parameters that a step's arguments refer to."""
    if isinstance(value, Mapping):
        if set(value) == {REFERENCE}:
            return {str(value[REFERENCE])}
        return set().union(*(references(one) for one in value.values()))
    return set().union(*(references(one) for one in value)) if isinstance(value, list) else set()


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return arguments with every reference replaced by its parameter's value."""
    if isinstance(value, Mapping):
        if set(value) == {REFERENCE}:
            return values[str(value[REFERENCE])]
        return {name: filled(one, values) for name, one in value.items()}
    return [filled(one, values) for one in value] if isinstance(value, list) else value
