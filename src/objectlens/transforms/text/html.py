"""Text out of HTML, by selectolax (lexbor)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import Bounds

_MUTE = ("script", "style", "noscript", "template", "head", "iframe", "noembed", "noframes")
# The parser is iterative, but for each tag it looks through those that are open: very deep trees take it for ever.
_DEPTH_FACTOR = 64
_TAG = re.compile("<(/?)([a-z][^\\s/>]*)", re.IGNORECASE)
# Elements that cannot hold others, and those that end where the next one begins (HTML Standard 13.1.2): pages leave out
# how they end.
_FLAT = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
    | {"colgroup", "dd", "dt", "li", "optgroup", "option", "p", "rp", "rt"}
    | {"tbody", "td", "tfoot", "th", "thead", "tr"}
)
# Stands between runs of text: it is in none, for the parser drops or replaces it (HTML Standard 13.2.5).
_BETWEEN = "\0"


def _check(*, separator: str, selector: str) -> None:
    if selector:
        _selected(LexborHTMLParser(""), selector)


@transform(family="text", check=_check)
def html(
    text: str,
    ctx: Context,
    *,
    separator: Annotated[str, Bounds(0, 16)] = "\n",
    selector: Annotated[str, Bounds(0, 256)] = "",
) -> str:
    """Return the text that a page shows, one line per run of text; `selector` (CSS) keeps some parts only."""
    # Of few tags none can be deep.
    if text.count("<") > ctx.limits.nesting * _DEPTH_FACTOR:
        ctx.limits.check("nesting", _depth(text) / _DEPTH_FACTOR, "HTML nested too deeply")
    tree = _parsed(text)
    tree.strip_tags(list(_MUTE))
    # The root cannot be taken out of its document.
    if tree.root is None or "hidden" in tree.root.attributes:
        return ""
    # The inner ones first: what is taken out takes them with it.
    for node in reversed(tree.css("[hidden]")):
        node.decompose()
    nodes = _outermost(_selected(tree, selector)) if selector else [tree.body] if tree.body else []
    return separator.join(run for node in nodes for run in _runs(node))


def _parsed(text: str) -> LexborHTMLParser:
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        # Any text is HTML (HTML Standard 13.2): what the parser can fail for is memory.
        raise MemoryError("the parser of HTML got no more memory") from error


def _runs(node: LexborNode) -> list[str]:
    """Return the runs of text in a node; what lies between tags for the sake of the page's source is none."""
    return [run for run in node.text(separator=_BETWEEN, strip=True).split(_BETWEEN) if run]


def _selected(tree: LexborHTMLParser, selector: str) -> list[LexborNode]:
    try:
        return tree.css(selector)
    except SelectolaxError as error:
        raise BadArgument(f"selector {selector!r} is no CSS selector", "selector") from error


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """Return the nodes that lie in no other one: their text is a part of its."""
    chosen = {node.mem_id for node in nodes}
    return [node for node in nodes if not any(one.mem_id in chosen for one in _above(node))]


def _above(node: LexborNode) -> Iterator[LexborNode]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _depth(text: str) -> int:
    """Return how deep tags are nested: those opened less those closed; what closes none is none."""
    opened: Counter[str] = Counter()
    depth = most = 0
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if name in _FLAT:
            continue
        if not tag[1]:
            opened[name] += 1
            depth += 1
            most = max(most, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return most
