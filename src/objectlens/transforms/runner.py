"""Running bound steps one after the other, with the conversions between what one gives and the next takes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from objectlens.transforms.bound import Bound
from objectlens.transforms.context import Context
from objectlens.transforms.errors import BadInput, BadPipeline
from objectlens.transforms.registry import find
from objectlens.transforms.values import Result

# (given, wanted) -> the steps that lead there, always by the format the object came in.
_CONVERSIONS = MappingProxyType(
    {
        ("bytes", "image"): ("image.decode",),
        ("image", "bytes"): ("image.encode",),
        ("bytes", "pixels"): ("image.decode", "image.pixels"),
        ("image", "pixels"): ("image.pixels",),
        ("pixels", "image"): ("image.picture",),
        ("pixels", "bytes"): ("image.picture", "image.encode"),
        ("bytes", "audio"): ("audio.decode",),
        ("audio", "bytes"): ("audio.encode",),
        ("bytes", "table"): ("table.read",),
        ("table", "bytes"): ("table.write",),
        ("tensor", "bytes"): ("tensor.encode",),
    }
)
# Of values that are decoded: the package and name of their class -> their kind.
_KINDS = MappingProxyType(
    {
        ("builtins", "str"): "text",
        ("numpy", "ndarray"): "pixels",
        ("pyarrow", "Table"): "table",
        **{("objectlens", name): name.lower() for name in ("Image", "Audio", "Frames", "Tensor")},
    }
)
_TEXT = "text/plain; charset=utf-8"


def connected(steps: Sequence[Bound], start: str) -> tuple[Bound, ...]:
    """Return the steps with the conversions that lead from `start` through them all to bytes or chunks."""
    found: list[Bound] = []
    given = start
    for step in steps:
        found += _convert(given, step.takes, step.name)
        found.append(step)
        given = step.gives
    return (*found, *_convert(given, frozenset({"bytes", "chunks"}), "the end of the pipeline"))


def run(steps: Sequence[Bound], value: Any, ctx: Context) -> Result:
    """Run connected steps on bytes or a stream of bytes."""
    result = as_result(run_values(steps, value, ctx))
    result = replace(result, content_type=result.content_type or steps[-1].content_type)
    if isinstance(result.body, bytes):
        ctx.limits.check("output_bytes", len(result.body), f"a result of {len(result.body):,} bytes")
        return result
    return Result(ctx.limits.counted(result.body, "output_bytes"), result.content_type, result.metadata)


def run_values(steps: Iterable[Bound], value: Any, ctx: Context) -> Any:
    """Run the steps on a value of the kind that the first one takes.

    A `Result` is a body, whatever kind its step mostly gives: the next one takes it from there.
    """
    waiting = deque(steps)
    while waiting:
        step = waiting.popleft()
        value = step.call(value.body if isinstance(value, Result) else value, ctx)
        if isinstance(value, Result) and (kind := "bytes" if isinstance(value.body, bytes) else "chunks") != step.gives:
            while waiting and waiting[0].converts:
                waiting.popleft()
            if waiting:
                waiting.extendleft(reversed(_convert(kind, waiting[0].takes, waiting[0].name)))
    return value


def run_here(steps: Sequence[Bound], source: Any, ctx: Context) -> Any:
    """Run on a path, bytes, a stream of bytes (to a `Result`), or on a decoded value (to a value).

    Raises TypeError for a value that the first step does not take.
    """
    if isinstance(source, os.PathLike) or (isinstance(source, str) and "text" not in steps[0].takes):
        source = Path(source).read_bytes()
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        ctx.limits.check("bytes", len(data), f"an object of {len(data):,} bytes")
        return run(connected(steps, "bytes"), data, ctx)
    if isinstance(source, Iterator):
        return run(connected(steps, "chunks"), source, ctx)
    found = [*_begun(source, steps[0]), steps[0]]
    for step in steps[1:]:
        found += [*_convert(found[-1].gives, step.takes, step.name), step]
    return run_values(found, source, ctx)


def _begun(value: Any, first: Bound) -> list[Bound]:
    """Return what stands between a decoded value and the first step; a bare array is a picture to those on `Image`."""
    kind = next((_KINDS[named] for one in type(value).__mro__ if (named := _named(one)) in _KINDS), None)
    is_own = first.step is None or not first.step.family
    if kind in first.takes or (kind is None and (is_own or "chunks" in first.takes)):
        return []
    if kind in ("image", "pixels") and first.takes & {"image", "pixels"}:
        return _convert(kind, first.takes, first.name)
    wanted, given = (
        " or ".join(sorted(first.takes - {"bytes"})),
        ".".join(_named(type(value))).removeprefix("builtins."),
    )
    others = "a path, bytes or a stream of bytes"
    raise TypeError(f"{first.name} takes {f'{wanted}, or {others}' if wanted else others}, not {given}")


def _named(kind: type) -> tuple[str, str]:
    return kind.__module__.partition(".")[0], kind.__name__


def as_result(value: Any) -> Result:
    """Wrap whatever the last step returned; raises TypeError for what is no body."""
    if isinstance(value, Result):
        return value
    if isinstance(value, str):
        return Result(value.encode(), _TEXT)
    if isinstance(value, bytes | bytearray | memoryview):
        return Result(bytes(value))
    if isinstance(value, Iterable):
        return Result(iter(value))
    raise TypeError(f"a transform must come to bytes, text, an iterator of bytes or a Result, not {type(value)}")


def _convert(given: str, wanted: frozenset[str], where: str) -> list[Bound]:
    if given in wanted:
        return []
    if given == "chunks":
        return [GATHER, *_convert("bytes", wanted, where)]
    if given == "text":
        return [_WRITE_TEXT, *_convert("bytes", wanted, where)]
    if given == "bytes":
        for kind, step in (("chunks", _CHUNKS), ("text", _READ_TEXT)):
            if kind in wanted:
                return [step]
    for kind in sorted(wanted):
        if names := _CONVERSIONS.get((given, kind)):
            return [replace(find(name).bind({}), converts=True) for name in names]
    raise BadPipeline(f"{where} takes {' or '.join(sorted(wanted))}, but the step before it gives {given}")


def _gather(chunks: bytes | Iterable[bytes], ctx: Context) -> bytes:
    return chunks if isinstance(chunks, bytes) else ctx.limits.gather(chunks)


def _read_text(data: bytes, ctx: Context) -> str:
    ctx.limits.check("bytes", len(data), f"a text of {len(data):,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the text is not UTF-8 ({error.reason} at byte {error.start}); begin with text.decode"
        ) from error


def _write_text(text: str, _: Context) -> Result:
    return Result(text.encode("utf-8", "surrogatepass"), _TEXT)


def _one_chunk(data: bytes | Iterator[bytes], _: Context) -> Iterator[bytes]:
    return iter((data,)) if isinstance(data, bytes) else data


GATHER = Bound("gather", frozenset({"chunks"}), "bytes", _gather, converts=True)
_CHUNKS = Bound("stream", frozenset({"bytes"}), "chunks", _one_chunk, converts=True)
_READ_TEXT = Bound("utf-8", frozenset({"bytes"}), "text", _read_text, converts=True)
_WRITE_TEXT = Bound("utf-8", frozenset({"text"}), "bytes", _write_text, converts=True)
