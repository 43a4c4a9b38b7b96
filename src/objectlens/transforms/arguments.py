"""Arguments of one request: declared by the pipeline, taken from its query string or header, made canonical.

The same arguments always come to the same canonical text, whatever order or spelling they arrived in, and whether
they were given one by one, by a preset, or by leaving them at their defaults: derived objects are cached by it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from objectlens.transforms.errors import BadArgument, BadPipeline
from objectlens.transforms.hints import between, finite, is_whole

Type = Literal["integer", "number", "boolean", "string"]
PRESET = "preset"
# Query parameters that are S3's own; every other one is an argument.
_OF_S3 = frozenset({"versionid", "partnumber", "range", "x-id"})
_PREFIXES_OF_S3 = ("x-amz-", "x-objectlens-", "response-")
# Those that make of a GET of an object another operation (S3 API reference).
SUBRESOURCES = frozenset(
    {"acl", "annotation", "attributes", "legal-hold", "retention", "tagging", "torrent", "uploadId"}
)
_FIELDS = frozenset({"type", "default", "minimum", "maximum", "enum", "maxLength", "description"})
_BOUNDS: Mapping[str, Any] = {"minimum": (int, float), "maximum": (int, float), "maxLength": int, "enum": list}
_WRITTEN = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
_TYPES: Mapping[str, Any] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "string": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One parameter of a pipeline, in JSON schema's words. Text is at most `max_length` characters (256)."""

    name: str
    type: Type
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Any, ...] | None = None
    max_length: int = 256

    @classmethod
    def parse(cls, name: str, said: Any) -> Declared:
        """Read one entry of a pipeline's `parameters`; raises `BadPipeline`."""
        if not isinstance(said, Mapping) or not set(said) <= _FIELDS or said.get("type") not in tuple(_TYPES):
            raise BadPipeline(
                f"parameter {name!r} must have a type ({', '.join(_TYPES)}) and of {sorted(_FIELDS)} only"
            )
        if name == PRESET or not name.isidentifier():
            raise BadPipeline(f"a parameter cannot be called {name!r}")
        if is_of_s3(name) or name in SUBRESOURCES:
            raise BadPipeline(f"a parameter cannot be called {name!r}, which S3 itself takes from the query")
        if "default" not in said:
            raise BadPipeline(f"parameter {name!r} needs a default")
        for field, kinds in _BOUNDS.items():
            value = said.get(field)
            if value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
                raise BadPipeline(f"{field} of parameter {name!r} cannot be {value!r}")
        enum = said.get("enum")
        declared = cls(
            name=name,
            type=said["type"],
            default=said["default"],
            minimum=said.get("minimum"),
            maximum=said.get("maximum"),
            enum=tuple(enum) if isinstance(enum, list) else None,
            max_length=256 if said.get("maxLength") is None else said["maxLength"],
        )
        try:
            return replace(declared, default=declared.check(declared.default))
        except BadArgument as error:
            raise BadPipeline(f"the default does not fit: {error}") from error

    def read(self, text: str) -> Any:
        """Return the value that a query string or header says; raises `BadArgument`."""
        try:
            if self.type == "boolean":
                return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
            readers: Mapping[str, Callable[[str], Any]] = {"integer": _integer, "number": _number, "string": str}
            value = readers[self.type](text)
        except (KeyError, ValueError):
            raise BadArgument(
                f"argument {self.name!r} must be of type {self.type}, not {text[:60]!r}", self.name
            ) from None
        return self.check(value)

    def check(self, value: Any) -> Any:
        """Return `value` when it is of the type and within the bounds; raises `BadArgument`."""
        if not isinstance(value, _TYPES[self.type]) or (isinstance(value, bool) and self.type != "boolean"):
            raise BadArgument(f"argument {self.name!r} must be of type {self.type}, not {value!r}", self.name)
        if self.enum is not None and value not in self.enum:
            raise BadArgument(f"argument {self.name!r} must be one of {list(self.enum)}, not {value!r}", self.name)
        if isinstance(value, str) and len(value) > self.max_length:
            raise BadArgument(f"argument {self.name!r} is longer than {self.max_length} characters", self.name)
        if isinstance(value, str) and not is_whole(value):
            raise BadArgument(f"argument {self.name!r} must be whole characters, not {value!r:.60}", self.name)
        if self.type == "number":
            value = self._finite(value)
        if self.type in ("integer", "number"):
            self._check_bounds(value)
        return value

    def _finite(self, value: float) -> float:
        try:
            return finite(value)
        except ValueError as error:
            raise BadArgument(f"argument {self.name!r} {error}, not {value!r:.60}", self.name) from None

    def _check_bounds(self, value: float) -> None:
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise BadArgument(f"argument {self.name!r} is {value!r:.60}; it must be {between(low, high)}", self.name)


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that a request may say: the parameters, the presets, and whether only presets are allowed."""

    declared: Mapping[str, Declared]
    presets: Mapping[str, Mapping[str, Any]]
    presets_only: bool = False

    @classmethod
    def parse(cls, parameters: Any, presets: Any, *, presets_only: bool) -> Parameters:
        """Read those entries of a pipeline; raises `BadPipeline`."""
        if not isinstance(parameters, Mapping) or not isinstance(presets, Mapping):
            raise BadPipeline("parameters and presets must be objects")
        declared = {name: Declared.parse(name, said) for name, said in parameters.items()}
        checked = {}
        for preset, values in presets.items():
            if not isinstance(values, Mapping) or not set(values) <= set(declared):
                raise BadPipeline(f"preset {preset!r} must be an object that sets declared parameters only")
            try:
                checked[preset] = {name: declared[name].check(value) for name, value in values.items()}
            except BadArgument as error:
                raise BadPipeline(f"preset {preset!r}: {error}") from error
        if presets_only and not checked:
            raise BadPipeline("presets_only needs presets")
        return cls(declared, checked, presets_only)

    def resolve(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the value of every parameter; raises `BadArgument` that names what is unknown or does not fit."""
        for pair in given.items():
            if not all(isinstance(one, str) for one in pair):
                raise BadArgument(
                    f"arguments are given as text, as requests do; {pair[0]!r} is {pair[1]!r:.60}", str(pair[0])
                )
        values = {name: one.default for name, one in self.declared.items()}
        rest = dict(given)
        preset = None if PRESET in self.declared else rest.pop(PRESET, None)
        if preset is not None:
            if preset not in self.presets:
                known = ", ".join(sorted(self.presets)) or "none"
                raise BadArgument(f"there is no preset {preset[:60]!r}; there are: {known}", PRESET)
            values |= self.presets[preset]
        if rest and self.presets_only:
            raise BadArgument(f"only presets are allowed here, not {', '.join(sorted(rest))}", *sorted(rest))
        check_known(rest, self.declared)
        return values | {name: self.declared[name].read(text) for name, text in rest.items()}


def _integer(text: str) -> int:
    return int(_as_json(text))


def _number(text: str) -> float:
    return float(_as_json(text))


def _as_json(text: str) -> str:
    """Return a number as it is written; raises `ValueError` for what Python reads as one and others do not: 1_000."""
    if not _WRITTEN.fullmatch(text):
        raise ValueError(text)
    return text


def check_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `BadArgument` that tells which names are not among those that are known."""
    if unknown := sorted(set(names) - set(known)):
        listed = ", ".join(sorted(known)) or "none"
        raise BadArgument(f"unknown arguments: {', '.join(unknown)}; this pipeline takes: {listed}", *unknown)


def canonical(values: Mapping[str, Any]) -> str:
    """Return values as JSON with sorted keys and no spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def is_of_s3(parameter: str) -> bool:
    """Tell whether a query parameter is S3's or ours, and no argument."""
    lower = parameter.lower()
    return lower in _OF_S3 or lower.startswith(_PREFIXES_OF_S3)


def asked(query: Iterable[tuple[str, str]], header: str | None) -> dict[str, str]:
    """Return the arguments of a request: those of the header `x-objectlens-args`, and of the query.

    Raises `BadArgument` for a name given twice.
    """
    found = {} if header is None else parse_header(header)
    for name, value in query:
        if is_of_s3(name):
            continue
        if name in found:
            raise BadArgument(f"The argument {name!r} is given twice.", name)
        found[name] = value
    return found


def parse_header(text: str) -> dict[str, str]:
    """Read the header `x-objectlens-args`: `width=64; fit=cover`, or the same as a JSON object of plain values."""
    try:
        if text.lstrip().startswith("{"):
            pairs = [(name, _text(name, value)) for name, value in json.loads(text, object_pairs_hook=list)]
        else:
            pairs = [(name.strip(), value.strip()) for name, value in _parted(text)]
    except BadArgument:
        raise
    except (ValueError, RecursionError) as error:
        raise BadArgument("x-objectlens-args must be name=value pairs parted by ; or a JSON object") from error
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise BadArgument(f"x-objectlens-args says {', '.join(twice)} more than once", *twice)
    return found


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, list):
        raise BadArgument(f"argument {name!r} must be a text, a number, true or false in x-objectlens-args", name)
    return value if isinstance(value, str) else json.dumps(value)


def _parted(text: str) -> list[list[str]]:
    return [part.split("=", 1) for part in text.split(";") if part.strip()]
