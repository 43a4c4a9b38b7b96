"""A pipeline made ready: checked once, planned for the arguments of a request, run from many threads at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from objectlens.transforms import payload as payloads
from objectlens.transforms.arguments import canonical
from objectlens.transforms.bound import Bound
from objectlens.transforms.context import Apart, Context, Members, Resources, Version
from objectlens.transforms.errors import BadArgument, BadPipeline
from objectlens.transforms.hints import PipelineMap, ResourceName
from objectlens.transforms.limits import Limits
from objectlens.transforms.registry import find, load
from objectlens.transforms.runner import connected, run
from objectlens.transforms.values import Result

# Goes up when a step of the same name and arguments comes to other bytes than before.
VOCABULARY = "15"
# Steps that need all of something and are worth a stream nevertheless: they lead to one.
_FOR_STREAMS = frozenset({"archive.member", "stream"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """The checked arguments of one request and the plan made for them; `canonical` is what to cache results by.

    `given` is what the request said, from which another process comes to the same.
    """

    values: Mapping[str, Any]
    canonical: str
    declared: tuple[Bound, ...]
    plan: tuple[Bound, ...]
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled pipeline. It holds no state: `arguments` and `run` may be called from any thread.

    `digest` is the SHA-256 (hex) of all that decides results besides the object and the arguments: steps, quality,
    limits, files of the operator, and versions of the libraries. `text` is the pipeline as JSON. `streaming` tells that
    the object need not be gathered before `run`. `files` are the operator's that it names, as they were when it was
    made. `parts` tells that there are pipelines within it.
    """

    payload: payloads.Payload
    steps: tuple[Any, ...]
    context: Context
    digest: str
    defaults: Arguments
    text: str
    files: Mapping[str, Version]
    parts: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it as its text, which is compiled anew where it arrives."""
        return _compiled_anew, (self.text, self.context.limits, self.context.resources)

    @property
    def streaming(self) -> bool:
        """Whether the first step takes a stream."""
        return "chunks" in self.steps[0].takes

    @property
    def streams(self) -> bool:
        """Whether it does its work a chunk at a time, from the object's first bytes on or from a member of it."""
        plan = self.defaults.plan
        return plan[-1].gives == "chunks" and all("chunks" in one.takes or one.name in _FOR_STREAMS for one in plan)

    def arguments(self, given: Mapping[str, str]) -> Arguments:
        """Check what a request said and plan for it; raises `BadArgument` that names what is wrong."""
        if not given:
            return self.defaults
        values = self.payload.parameters.resolve(given)
        try:
            planned = self._planned(values)
            versions = self._chosen(planned)
        except BadPipeline as error:
            raise BadArgument(f"what the arguments choose does not fit: {error}", *sorted(given)) from error
        return replace(planned, given=given, canonical=planned.canonical + (json.dumps(versions) if versions else ""))

    def run(
        self,
        source: bytes | Iterable[bytes],
        arguments: Arguments | None = None,
        *,
        key: str | None = None,
        content_type: str | None = None,
        members: Members | None = None,
        apart: Apart | None = None,
        still: Callable[[], None] | None = None,
    ) -> Result:
        """Run on an object, whole or as a stream; raises `BadInput` or `LimitExceeded`.

        A `Result` whose body is an iterator does its work, and may raise the same, while it is read. The last three are
        those of `Context`.
        """
        arguments = arguments or self.defaults
        limits = self.context.limits
        ctx = replace(
            self.context,
            arguments=arguments.values,
            key=key,
            content_type=content_type,
            members=members or Members(),
            apart=apart,
            still=still or self.context.still,
        )
        if isinstance(source, bytes):
            limits.check("bytes", len(source), f"an object of {len(source):,} bytes")
            source = iter((source,)) if self.streaming else source
        elif self.streaming:
            source = _watched(source, ctx)
        else:
            source = limits.gather(source)
        return run(arguments.plan, source, ctx)

    def within(self, limits: Limits) -> Program:
        """Return the same program with these limits, which are those of a pipeline around it."""
        return replace(self, context=replace(self.context, limits=limits))

    def explain(self, arguments: Arguments | None = None) -> str:
        """Return the declared steps, the plan, and what the planner did, as text."""
        arguments = arguments or self.defaults
        lines = [f"quality {self.context.quality}", "declared:", *(f"  {step}" for step in arguments.declared), "plan:"]
        lines += [f"  {step}" + (f"   # {step.note}" if step.note else "") for step in arguments.plan]
        return "\n".join(lines)

    def _chosen(self, planned: Arguments) -> list[list[str | int]]:
        """Return the files that a request chooses, which are not in the digest; raises `BadPipeline` for wrong ones."""
        named = set(_named(self.steps, planned.declared))
        if self.parts:
            named |= {name for one in _inner(self.steps, planned.declared, self.context) for name in one.files}
        chosen = sorted(named - set(self.files))
        return [[name, *self.context.resources.version(name)] for name in chosen]

    def _planned(self, values: Mapping[str, Any]) -> Arguments:
        return _plan(self.payload, self.steps, values)


def _compiled_anew(text: str, limits: Limits, resources: Resources) -> Program:
    return compile_pipeline(text, ceiling=limits, resources=resources).within(limits)


def _watched(chunks: Iterable[bytes], ctx: Context) -> Iterator[bytes]:
    for chunk in chunks:
        ctx.still()
        yield chunk


def compile_pipeline(
    text: str | Mapping[str, Any], *, ceiling: Limits | None = None, resources: Resources | None = None
) -> Program:
    """Make a pipeline ready; raises `BadPipeline` (of which `MissingExtra` is one).

    `ceiling` are the server's limits, which the pipeline's own can only lower; `resources` the operator's files.
    """
    said = payloads.parse(text) if isinstance(text, str) else payloads.read(text)
    steps = tuple(find(name, said.family) for name, _ in said.steps)
    used = set().union(*(payloads.references(arguments) for _, arguments in said.steps))
    if unknown := sorted(used - set(said.parameters.declared)):
        raise BadPipeline(f"steps refer to parameters that are not declared: {', '.join(unknown)}")
    try:
        defaults = _plan(said, steps, said.parameters.resolve({}))
        for preset in said.parameters.presets:
            _plan(said, steps, said.parameters.resolve({"preset": preset}))
    except BadArgument as error:
        raise BadPipeline(str(error)) from error
    resources = resources or Resources()
    limits = (ceiling or Limits()).tightened(said.limits)
    context = Context(limits=limits, quality=said.quality, resources=resources)
    own = {name: resources.version(name) for name in _named(steps, defaults.declared)}
    inner = _inner(steps, defaults.declared, context)
    digest = _digest(said, steps, context, defaults, own=own, inner=inner)
    files = own | {name: version for one in inner for name, version in one.files.items()}
    text = text if isinstance(text, str) else json.dumps(dict(text), ensure_ascii=False, separators=(",", ":"))
    return Program(said, steps, context, digest, defaults, text, files, bool(inner))


def compile_inner(said: Any, context: Context) -> tuple[Program, str | None]:
    """Make a pipeline inside a pipeline ready, with the same limits and files; second is its `extension`, if any.

    It has the quality of the one around it unless it says its own.
    """
    if not isinstance(said, Mapping):
        raise BadPipeline(f"a pipeline within a pipeline must be an object, not {said!r:.60}")
    extension = said.get("extension")
    if extension is not None and not (isinstance(extension, str) and is_extension(extension)):
        raise BadPipeline(f"extension must be a text such as png, not {extension!r:.60}")
    entries = {"quality": context.quality} | {name: value for name, value in said.items() if name != "extension"}
    return compile_pipeline(entries, ceiling=context.limits, resources=context.resources), extension


def is_extension(text: str) -> bool:
    """Tell whether text can be behind the first dot of a file's name; a path or a control character cannot."""
    return text.isprintable() and not set(text) & {"/", "\\"} and text[:1] not in ("", ".")


def _plan(said: payloads.Payload, steps: Sequence[Any], values: Mapping[str, Any]) -> Arguments:
    """Bind the steps, connect them, and let the rules of their families rearrange them in `fast`."""
    pairs = zip(steps, said.steps, strict=True)
    bound = tuple(_bound(step, arguments, values) for step, (_, arguments) in pairs)
    plan = connected(bound, "chunks" if "chunks" in bound[0].takes else "bytes")
    families = [load(family) for family in _families(plan)]
    for family in families:
        if family.check is not None:
            family.check(plan)
    if said.quality == "fast":
        for rule in (rule for family in families for rule in family.rules):
            plan = tuple(rule(plan))
    return Arguments(MappingProxyType(dict(values)), canonical(values), bound, plan)


def _bound(step: Any, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> Bound:
    """Bind a step to the values of parameters; what is wrong is told by the names that requests know."""
    try:
        bound: Bound = step.bind(payloads.filled(arguments, values))
    except BadArgument as error:
        said = sorted(set().union(*(payloads.references(arguments.get(name)) for name in error.names)))
        if not said:
            raise
        raise BadArgument(f"argument {', '.join(map(repr, said))} does not fit: {error}", *said) from error
    return bound


def _families(steps: Sequence[Bound]) -> list[str]:
    return sorted({step.name.partition(".")[0] for step in steps if "." in step.name})


def _named(steps: Sequence[Any], declared: Sequence[Bound]) -> list[str]:
    """Return the operator's files that the steps name."""
    pairs = zip(steps, declared, strict=True)
    return [bound.arguments[name] for step, bound in pairs for name in step.marked(ResourceName)]


def _inner(steps: Sequence[Any], declared: Sequence[Bound], context: Context) -> list[Program]:
    """Return the pipelines within the pipeline."""
    pairs = zip(steps, declared, strict=True)
    said = [bound.arguments[name] for step, bound in pairs for name in step.marked(PipelineMap)]
    return [compile_inner(one, context)[0] for each in said for one in each.values()]


def _digest(
    said: payloads.Payload,
    steps: Sequence[Any],
    context: Context,
    defaults: Arguments,
    *,
    own: Iterable[str],
    inner: Sequence[Program],
) -> str:
    files = {name: [_sum(path) for path in context.resources.parts(name)] for name in own}
    versions = {family: dict(load(family).versions) for family in _families(defaults.plan)}
    declared = [[step.title, arguments] for step, (_, arguments) in zip(steps, said.steps, strict=True)]
    limits = {name: getattr(context.limits, name) for name in context.limits.__dataclass_fields__}
    said_all = {"steps": declared, "quality": said.quality, "files": files, "versions": versions, "limits": limits}
    # Defaults count: a request without arguments has the same canonical form as one that says them.
    rest = {"vocabulary": VOCABULARY, "inner": [one.digest for one in inner], "defaults": defaults.canonical}
    return hashlib.sha256(canonical(said_all | rest).encode()).hexdigest()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
