"""Text out of HTML, by selectolax (lexbor)."""

from __future__ import annotations

from typing import Annotated

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from objectlens.transforms.context import Context
from objectlens.transforms.contract import transform
from objectlens.transforms.errors import BadArgument
from objectlens.transforms.hints import Bounds

_MUTE = ("script", "style", "noscript", "template", "head")
# The parser itself is iterative, but walks of very deep trees are not linear any more.
_DEPTH_FACTOR = 64


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
    ctx.limits.check("nesting", _depth(text) / _DEPTH_FACTOR, "HTML nested too deeply")
    tree = LexborHTMLParser(text)
    tree.strip_tags(list(_MUTE))
    nodes = _selected(tree, selector) if selector else [tree.body] if tree.body else []
    return separator.join(node.text(separator=separator, strip=True) for node in nodes if node is not None)


def _selected(tree: LexborHTMLParser, selector: str) -> list[LexborNode]:
    try:
        return tree.css(selector)
    except SelectolaxError as error:
        raise BadArgument(f"selector {selector!r} is no CSS selector", "selector") from error


def _depth(text: str) -> int:
    """Return how deep tags can be nested at most: those opened less those closed."""
    return text.count("<") - 2 * text.count("</")
