"""JSON lines, filtered and projected while they stream."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument, BadInput
from objectlens.transforms.hints import Bounds

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "contains", "exists")
LINE = 64 * 1024 * 1024
_PIECE = 256 * 1024


def _check(*, where: list[list[Any]], **_: Any) -> None:
    for test in where:
        if len(test) != 3 or not isinstance(test[0], str) or test[1] not in OPERATORS:
            raise BadArgument(
                f"a test must be [name, operator, value], not {test!r}; operators are {', '.join(OPERATORS)}", "where"
            )


@transform(family="text", check=_check, content_type="application/x-ndjson")
def jsonl(
    chunks: Iterator[bytes],
    ctx: Context,
    *,
    where: Annotated[list[list[Any]], Bounds(0, 32)] = [],  # noqa: B006  (read only)
    keep: Annotated[list[str], Bounds(0, 1000)] = [],  # noqa: B006
    limit: Annotated[int, Bounds(0)] | None = None,
) -> Iterator[bytes]:
    """Keep the lines for which all of `where` hold (`["user.age", ">=", 18]`), and of them the fields in `keep`.

    Names reach into objects with dots, unless a field is called so, dots and all. A field that is missing fails every
    test but `["name", "exists", false]`.
    """
    left = limit
    for number, line in enumerate(_lines(chunks, ctx), start=1):
        if left is not None and left <= 0:
            return
        if not line.removeprefix(codecs.BOM_UTF8).strip():
            continue
        record = _parsed(line, number, ctx)
        if all(_holds(record, test) for test in where):
            left = left - 1 if left is not None else None
            yield line + b"\n" if not keep else _projected(record, keep, line)


def _lines(chunks: Iterable[bytes], ctx: Context) -> Iterator[bytes]:
    parts: list[bytes] = []
    size = 0
    for number, chunk in enumerate(_pieces(chunks)):
        ctx.still()
        if not number and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BadInput("the lines are UTF-16; begin with text.decode")
        first, *others = chunk.split(b"\n")
        parts.append(first)
        if others:
            yield b"".join(parts)
            yield from others[:-1]
            parts, size = [others[-1]], 0
        size += len(parts[-1])
        ctx.limits.check("bytes", size, f"a line of {size:,} bytes")
        if size > LINE:
            raise BadInput(f"a line is longer than {LINE:,} bytes")
    if rest := b"".join(parts):
        yield rest


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut long chunks: as a list of short lines they take many times their size."""
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            yield chunk[start : start + _PIECE]


def _parsed(line: bytes, number: int, ctx: Context) -> Any:
    # Braces counted are an upper bound of the depth, and far cheaper than parsing to find out.
    if line.count(b"{") + line.count(b"[") > ctx.limits.nesting:
        ctx.limits.check("nesting", _depth(line), f"JSON nested too deeply on line {number}")
    try:
        return _DECODER.decode(_text(line))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"line {number} is not JSON: {error}") from error


def _text(line: bytes) -> str:
    return line.decode("utf-8-sig", "surrogatepass")


def _refuse(word: str) -> None:
    # Python writes these, and many others cannot read them (RFC 8259 section 6).
    raise ValueError(f"it has no {word}; write null, or leave the field out")


def _depth(line: bytes) -> int:
    depth = most = 0
    inside = escaped = False
    for byte in line:
        if inside:
            inside, escaped = escaped or byte != 0x22, byte == 0x5C and not escaped
        elif byte == 0x22:
            inside = True
        elif byte in b"{[":
            depth += 1
            most = max(most, depth)
        elif byte in b"}]":
            depth -= 1
    return most


_MISSING = object()


def _field(record: Any, name: str, missing: Any = None) -> Any:
    if isinstance(record, dict) and name in record:
        return record[name]
    for part in name.split("."):
        if not isinstance(record, dict) or part not in record:
            return missing
        record = record[part]
    return record


def _holds(record: Any, test: list[Any]) -> bool:
    name, operator, wanted = test
    found = _field(record, name, _MISSING)
    if operator == "exists":
        return (found is not _MISSING) is bool(wanted)
    if found is _MISSING:
        return False
    if isinstance(found, bool) is not isinstance(wanted, bool) and operator != "contains":
        # To Python, true is 1.
        return bool(operator == "!=")
    try:
        return bool(_compare(found, operator, wanted))
    except TypeError:
        return False


def _compare(found: Any, operator: str, wanted: Any) -> Any:
    match operator:
        case "==":
            return found == wanted
        case "!=":
            return found != wanted
        case "<":
            return found < wanted
        case "<=":
            return found <= wanted
        case ">":
            return found > wanted
        case ">=":
            return found >= wanted
    return wanted in found


def _projected(record: Any, keep: list[str], line: bytes) -> bytes:
    fields = {name: _field(record, name) for name in keep}
    try:
        return _encoded(_PLAIN.encode(fields))
    except ValueError:
        # A number that is too large for Python's is JSON all the same, and stays as it is written.
        record = _WRITTEN.decode(_text(line))
        return _encoded(_dumped({name: _field(record, name) for name in keep}))


def _encoded(text: str) -> bytes:
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        # JSON can name half of a pair of surrogates, UTF-8 cannot hold it (RFC 8259 section 8.2).
        return _SURROGATES.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode() + b"\n"


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _dumped(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_PLAIN.encode(name)}:{_dumped(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    return _PLAIN.encode(value)


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_WRITTEN = json.JSONDecoder(parse_constant=_refuse, parse_float=_Number)
_PLAIN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SURROGATES = re.compile("[\ud800-\udfff]")
