"""A form → parameters: `Tags.member.1.Key=a` and its like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from objectlens.control.protocol import scalars
from objectlens.control.protocol.faults import Malformed

MAX_PARAMETERS = 10_000
MAX_DEPTH = 12

Tree = dict[str, Any]
# The key, in a tree, of the value that stands at the tree's own path.
_HERE = ""


def read(pairs: Iterable[tuple[str, str]], shape: Any) -> dict[str, Any]:
    """Read the members of a structure from the decoded pairs of a form; raises `Malformed`."""
    result: dict[str, Any] = _structure(shape, _tree(pairs), "")
    return result


def _tree(pairs: Iterable[tuple[str, str]]) -> Tree:
    """Put every value where the dots of its name say."""
    root: Tree = {}
    for count, (name, value) in enumerate(pairs):
        steps = name.split(".")
        if count >= MAX_PARAMETERS or len(steps) > MAX_DEPTH:
            raise Malformed(f"more than {MAX_PARAMETERS} parameters, or deeper than {MAX_DEPTH}")
        node = root
        for step in steps:
            node = node.setdefault(step, {})
        node[_HERE] = value
    return root


def _value(shape: Any, tree: Tree, where: str) -> Any:
    reader = _READERS.get(shape.type_name)
    if reader is not None:
        return reader(shape, tree, where)
    if _HERE not in tree:
        raise Malformed(f"{where}: one value is needed, not several below it")
    return scalars.read(shape.type_name, tree[_HERE], where)


def _structure(shape: Any, tree: Tree, where: str) -> Any:
    params = {}
    for name, member in shape.members.items():
        tag = member.serialization.get("name", name)
        if tag in tree:
            params[name] = _value(member, tree[tag], f"{where}.{tag}" if where else tag)
    return params


def _items(shape: Any, element: Any, default: str, tree: Tree, where: str) -> list[tuple[str, Tree]]:
    """Return the numbered items of a list or a map, in order of their numbers."""
    if not shape.serialization.get("flattened"):
        tree = tree.get(element.serialization.get("name", default), {})
    numbers = [step for step in tree if step != _HERE]
    if not all(step.isascii() and step.isdigit() and len(step) < 10 for step in numbers):
        raise Malformed(f"{where}: items are numbered, as in {where}.{default}.1")
    return [(f"{where}.{step}", tree[step]) for step in sorted(numbers, key=int)]


def _list(shape: Any, tree: Tree, where: str) -> Any:
    return [_value(shape.member, item, place) for place, item in _items(shape, shape.member, "member", tree, where)]


def _map(shape: Any, tree: Tree, where: str) -> Any:
    key_tag = shape.key.serialization.get("name", "key")
    value_tag = shape.value.serialization.get("name", "value")
    params = {}
    for place, entry in _items(shape, shape, "entry", tree, where):
        if _HERE not in entry.get(key_tag, {}) or value_tag not in entry:
            raise Malformed(f"{place}: a {key_tag} and a {value_tag} are needed")
        params[entry[key_tag][_HERE]] = _value(shape.value, entry[value_tag], place)
    return params


_READERS: dict[str, Callable[[Any, Tree, str], Any]] = {"structure": _structure, "list": _list, "map": _map}
