"""The native contract: a function that takes an object, or what an object decodes to, and returns what becomes of it.

Two tiers, told by the annotations::

    @transform
    def shout(data: bytes, ctx: Context) -> bytes: ...          # whole; also on Image, ndarray (RGB), Audio, str, Table

    @transform
    def shout(chunks: Iterator[bytes], ctx: Context) -> Iterator[bytes]: ...     # streaming

Keyword-only parameters are the transform's arguments; their annotations are checked and published as JSON schema.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any, SupportsIndex, overload

from objectlens.transforms.arguments import Declared, Parameters, Type, check_known
from objectlens.transforms.bound import Bound
from objectlens.transforms.context import Context
from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import check, marked, schema
from objectlens.transforms.registry import FAMILIES
from objectlens.transforms.runner import run_here
from objectlens.transforms.values import Audio, Frames, Image, Result, Tensor

_KINDS: dict[Any, str] = {
    bytes: "bytes",
    Result: "result",
    str: "text",
    Image: "image",
    Audio: "audio",
    Frames: "frames",
    Tensor: "tensor",
}
_NAMED_KINDS = {("numpy", "ndarray"): "pixels", ("pyarrow", "Table"): "table"}
REQUIRED = inspect.Parameter.empty
_TYPES: dict[Any, Type] = {"integer": "integer", "number": "number", "boolean": "boolean", "string": "string"}
_TYPES |= {int: "integer", float: "number", bool: "boolean", str: "string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a step."""

    name: str
    hint: Any
    default: Any = REQUIRED

    def schema(self) -> dict[str, Any]:
        """Return it as JSON schema."""
        return schema(self.hint) | ({} if self.default is REQUIRED else {"default": self.default})

    def declared(self) -> Declared | None:
        """Return it as requests may set it, None when they cannot: texts say no lists and no objects."""
        said = schema(self.hint)
        options = [one for one in said.get("anyOf", [said]) if one.get("type") != "null"]
        said = options[0] if len(options) == 1 else {}
        enum = said.get("enum")
        kinds = {said.get("type")} if enum is None else {type(one) for one in enum}
        kind = _TYPES.get(kinds.pop()) if len(kinds) == 1 else None
        if kind is None:
            return None
        return Declared(
            name=self.name,
            type=kind,
            default=self.default,
            minimum=said.get("minimum"),
            maximum=said.get("maximum"),
            enum=None if enum is None else tuple(enum),
            max_length=said.get("maxLength", 256),
        )


@dataclass(frozen=True)
class Step:
    """A transform function with what its signature says; called on an object it runs, without one it takes arguments.

    `family` is "" for a user's own. The function itself stays reachable as `function`. `check` is given all arguments
    before anything runs, and raises `BadArgument` for what annotations cannot say. `content_type` is that of results
    that have none of their own.
    """

    name: str
    family: str
    function: Callable[..., Any]
    takes: frozenset[str]
    gives: str
    parameters: tuple[Parameter, ...]
    summary: str
    check: Callable[..., object] | None = None
    content_type: str | None = None

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """Pickle and copy it by the name at which it stands, as functions are; one that stands nowhere as a value."""
        place = self.function.__module__, self.function.__qualname__
        stands = place[0] in sys.modules and _standing_at(*place) is self
        return (_standing_at, place) if stands else super().__reduce_ex__(protocol)

    def bind(self, arguments: Mapping[str, Any]) -> Bound:
        """Check the arguments and fix them; raises `BadArgument` that names the first wrong one."""
        known = {one.name for one in self.parameters}
        for name in arguments:
            if name not in known:
                listed = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
                raise BadArgument(f"{self.title} has no argument {name!r}; {listed}", name)
        values = {one.name: self._value(one, arguments) for one in self.parameters}
        if self.check is not None:
            self.check(**values)
        call = partial(self.function, **values)
        return Bound(
            self.title, self.takes, self.gives, call, MappingProxyType(values), "", self.content_type, self, arguments
        )

    def _value(self, parameter: Parameter, arguments: Mapping[str, Any]) -> Any:
        if parameter.name not in arguments:
            if parameter.default is REQUIRED:
                raise BadArgument(f"{self.title} needs the argument {parameter.name!r}", parameter.name)
            return parameter.default
        try:
            return check(parameter.hint, arguments[parameter.name])
        except ValueError as error:
            raise BadArgument(f"{self.title}: {parameter.name} {error}", parameter.name) from None

    @property
    def title(self) -> str:
        """The name that pipelines use."""
        return f"{self.family}.{self.name}" if self.family else self.name

    def marked(self, mark: type) -> tuple[str, ...]:
        """Return the arguments annotated with a mark of this type."""
        return tuple(one.name for one in self.parameters if marked(one.hint, mark))

    def __call__(self, source: Any = None, /, **arguments: Any) -> Any:
        """Run on a path, bytes, a stream, or a decoded value; without a source, return a pipeline of this one step."""
        pipeline = self.bound(arguments)
        return pipeline if source is None else pipeline(source)

    def bound(self, arguments: Mapping[str, Any] = MappingProxyType({})) -> Pipeline:
        """Return the pipeline of this one step."""
        return Pipeline((self.bind(arguments),))

    def __rshift__(self, other: Step | Pipeline) -> Pipeline:
        """Chain: what this one gives, `other` takes."""
        return self.bound() >> other


def _standing_at(module: str, name: str) -> Any:
    """Return what has this name in a module, None when there is nothing."""
    found: Any = import_module(module)
    for one in name.split("."):
        found = getattr(found, one, None)
    return found


@dataclass(frozen=True)
class Pipeline:
    """Steps in order. It is callable like a step, and chains on with `>>`."""

    steps: tuple[Bound, ...]

    def __rshift__(self, other: Step | Pipeline) -> Pipeline:
        """Chain: what this one gives, `other` takes."""
        return Pipeline(self.steps + (other.bound().steps if isinstance(other, Step) else other.steps))

    def __call__(self, source: Any, /, *, ctx: Context | None = None, **arguments: Any) -> Any:
        """Run step by step, as notebooks and tests want it.

        A path, bytes or a stream of bytes come to a `Result`; a decoded value comes to whatever the last step returns.
        `arguments` are those of steps of one's own that the chain leaves open; raises `BadArgument` for others.
        """
        ctx = ctx or Context()
        check_known(arguments, {name for one in self.steps for name in _open(one)})
        steps = tuple(_set(one, arguments) for one in self.steps)
        values = {name: one.arguments[name] for one in steps for name in _open(one)}
        return run_here(steps, source, replace(ctx, arguments={**ctx.arguments, **values}))

    @property
    def parameters(self) -> Parameters:
        """What a request may set: arguments of steps of one's own that the chain leaves open.

        Steps whose arguments share a name are given the same value.
        """
        found = [one.declared() for step in reversed(self.steps) for one in _open(step).values()]
        return Parameters({one.name: one for one in found if one is not None}, {})

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the arguments that a request said, as values to call this with; raises `BadArgument`."""
        values = self.parameters.resolve(given)
        return {name: values[name] for name in given}


def _open(bound: Bound) -> dict[str, Parameter]:
    step = bound.step
    if step is None or step.family in FAMILIES:
        return {}
    return {one.name: one for one in step.parameters if one.name not in bound.said}


def _set(bound: Bound, arguments: Mapping[str, Any]) -> Bound:
    mine = {name: arguments[name] for name in _open(bound) if name in arguments}
    if not mine:
        return bound
    made: Bound = bound.step.bind({**bound.said, **mine})
    # Set for this run, they stay open.
    return replace(made, said=bound.said)


@overload
def transform(function: Callable[..., Any], /) -> Step: ...
@overload
def transform(
    *, name: str = "", family: str = "", check: Callable[..., object] | None = None, content_type: str | None = None
) -> Callable[[Callable[..., Any]], Step]: ...
def transform(function: Callable[..., Any] | None = None, /, **facts: Any) -> Any:
    """Make a function a transform; see the module for the two tiers, and `Step` for what else may be said."""
    return _step(function, **facts) if function else partial(_step, **facts)


def _step(
    function: Callable[..., Any],
    name: str = "",
    family: str = "",
    check: Callable[..., object] | None = None,
    content_type: str | None = None,
) -> Step:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function.__name__} is async, and a transform is called as it is; use def")
    hints = typing.get_type_hints(function, include_extras=True)
    positional: list[inspect.Parameter] = []
    keywords: list[inspect.Parameter] = []
    for one in inspect.signature(function).parameters.values():
        (keywords if one.kind is one.KEYWORD_ONLY else positional).append(one)
    if len(positional) != 2:
        raise TypeError(f"{function.__name__} must take the object and the context, then keyword-only arguments")
    gives = _kinds(hints.get("return"), streaming=inspect.isgeneratorfunction(function))
    # A `Result` may come instead of whatever else is given; alone it is bytes.
    gives = gives - {"result"} or frozenset({"bytes"})
    if len(gives) > 1:
        said = " or ".join(sorted(gives))
        raise TypeError(f"{function.__name__} must give one kind of value, or a Result, not {said}")
    takes = _kinds(hints.get(positional[0].name), streaming="chunks" in gives and not hints.get(positional[0].name))
    if "result" in takes:
        raise TypeError(f"{function.__name__} cannot take a Result; let it take bytes, which are the body")
    return Step(
        name=name or function.__name__.rstrip("_"),
        family=family,
        function=function,
        takes=takes,
        gives=next(iter(gives)),
        parameters=tuple(Parameter(one.name, hints.get(one.name, Any), one.default) for one in keywords),
        summary=(inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " "),
        check=check,
        content_type=content_type,
    )


def _kinds(hint: Any, *, streaming: bool) -> frozenset[str]:
    """Return the kinds of value that an annotation stands for; without one, bytes, or chunks of a generator."""
    if hint is None:
        return frozenset({"chunks" if streaming else "bytes"})
    if typing.get_origin(hint) is Annotated:
        return _kinds(typing.get_args(hint)[0], streaming=streaming)
    origin = typing.get_origin(hint) or hint
    if origin in (Iterator, Iterable, Generator):
        return frozenset({"chunks"})
    if origin in _KINDS:
        return frozenset({_KINDS[origin]})
    module = getattr(origin, "__module__", "").split(".")[0]
    kind = _NAMED_KINDS.get((module, getattr(origin, "__name__", "")))
    if kind is not None:
        return frozenset({kind})
    if options := typing.get_args(hint):
        return frozenset().union(*(_kinds(one, streaming=streaming) for one in options if one is not type(None)))
    raise TypeError(f"a transform cannot take or give {hint!r}")
