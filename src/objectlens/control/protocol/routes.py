"""Method, path and query → operation, for the protocols whose routes are in the model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from botocore.model import OperationModel

from objectlens.control.protocol.faults import Malformed
from objectlens.http import HttpRequest, parse_query

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation's method, path and the query that tells it from others of that path."""

    operation: OperationModel
    method: str
    path: re.Pattern[str]
    query: frozenset[tuple[str, str]]
    literal: int


@dataclass(frozen=True, slots=True)
class Match:
    """The operation that a request is for, with the decoded labels of its path."""

    operation: OperationModel
    labels: dict[str, str]


class Routes:
    """The routes of one service, the most literal first: `/f/{n}/policy` wins over `/f/{n+}`."""

    def __init__(self, operations: Iterable[OperationModel]) -> None:
        self._routes = sorted((_route(one) for one in operations), key=lambda route: -route.literal)

    def match(self, http: HttpRequest) -> Match | None:
        """Find the operation; None when there is no such path, or none with that method.

        The path is matched as it came and its labels are decoded afterwards, so that an ARN with `%2F` in it stays one
        label. Raises `Malformed` for a label that is not UTF-8.
        """
        path = http.path.rstrip("/") if len(http.path) > 1 else http.path
        given = set(http.parameters())
        for route in self._routes:
            found = route.path.fullmatch(path) if route.method == http.method else None
            if found is not None and route.query <= given:
                return Match(route.operation, {name: _decoded(text) for name, text in found.groupdict().items()})
        return None


def _route(operation: OperationModel) -> Route:
    path, _, query = operation.http["requestUri"].partition("?")
    pattern, literal, position = "", 0, 0
    for label in _LABEL.finditer(path):
        pattern += re.escape(path[position : label.start()])
        literal += label.start() - position
        pattern += f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
        position = label.end()
    rest = path[position:].rstrip("/")
    wanted = frozenset(parse_query(query))
    return Route(
        operation, operation.http["method"], re.compile(pattern + re.escape(rest)), wanted, literal + len(rest + query)
    )


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise Malformed(f"the path holds {text!r}, which is not UTF-8") from error
