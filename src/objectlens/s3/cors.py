"""Cross-origin rules of a bucket: the document, and which rule is for a request of a browser.

Source: "Elements of a CORS configuration" and "How does Amazon S3 evaluate the CORS configuration on a bucket?" in the
S3 user guide. The first rule that fits counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from objectlens.errors import InvalidRequest, MalformedXML
from objectlens.http import Headers
from objectlens.s3.xml import document, nest, parse, tag, text_of

METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})
MAX_RULES = 100
_MAX_ID = 255
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsRule:
    """One rule. Origins and headers may hold one `*` each; `max_age` is in seconds."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int | None = None
    id: str | None = None

    def admits(self, origin: str, method: str, headers: Sequence[str] = ()) -> bool:
        """Tell whether a page from `origin` may send this method with these headers."""
        return (
            method in self.methods
            and any(_fits(one, origin) for one in self.origins)
            and all(any(_fits(one.lower(), header.lower()) for one in self.headers) for header in headers)
        )

    def answer(self, origin: str, headers: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return the headers that tell a browser what a page from `origin` may do and see.

        A rule for every origin says `*`, with which browsers send no credentials.
        """
        found = [("Access-Control-Allow-Origin", "*" if "*" in self.origins else origin)]
        found.append(("Access-Control-Allow-Methods", ", ".join(self.methods)))
        if headers:
            found.append(("Access-Control-Allow-Headers", ", ".join(one.lower() for one in headers)))
        if self.exposed:
            found.append(("Access-Control-Expose-Headers", ", ".join(self.exposed)))
        if self.max_age is not None:
            found.append(("Access-Control-Max-Age", str(self.max_age)))
        if "*" not in self.origins:
            found.append(("Access-Control-Allow-Credentials", "true"))
        return [*found, ("Vary", _VARY)]

    def element(self) -> str:
        """Return the element."""
        return nest(
            "CORSRule",
            (
                tag("ID", self.id),
                *(tag("AllowedHeader", one) for one in self.headers),
                *(tag("AllowedMethod", one) for one in self.methods),
                *(tag("AllowedOrigin", one) for one in self.origins),
                *(tag("ExposeHeader", one) for one in self.exposed),
                tag("MaxAgeSeconds", self.max_age),
            ),
        )


def parse_rules(body: bytes) -> tuple[CorsRule, ...]:
    """Read a `CORSConfiguration`; raises `MalformedXML` or `InvalidRequest`."""
    root = parse(body, "CORSConfiguration")
    rules = tuple(_rule(one) for one in root.findall("CORSRule"))
    if not 1 <= len(rules) <= MAX_RULES:
        raise MalformedXML
    return rules


def render_rules(rules: Sequence[CorsRule]) -> bytes:
    """Return `CORSConfiguration`."""
    return document("CORSConfiguration", (rule.element() for rule in rules))


def rule_for(rules: Sequence[CorsRule], origin: str, method: str, headers: Sequence[str] = ()) -> CorsRule | None:
    """Return the first rule that admits a request, None when none does."""
    return next((rule for rule in rules if rule.admits(origin, method, headers)), None)


def asked_headers(headers: Headers) -> tuple[str, ...]:
    """Return the names in `Access-Control-Request-Headers`."""
    names = (one.strip() for one in (headers.get("access-control-request-headers") or "").split(","))
    return tuple(filter(None, names))


def _rule(element: Element) -> CorsRule:
    rule = CorsRule(
        origins=tuple(_texts(element, "AllowedOrigin")),
        methods=tuple(_texts(element, "AllowedMethod")),
        headers=tuple(_texts(element, "AllowedHeader")),
        exposed=tuple(_texts(element, "ExposeHeader")),
        max_age=_seconds(text_of(element, "MaxAgeSeconds")),
        id=text_of(element, "ID"),
    )
    if not rule.origins or not rule.methods or len(rule.id or "") > _MAX_ID:
        raise MalformedXML
    for method in rule.methods:
        if method not in METHODS:
            raise InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for name, values in (("AllowedOrigin", rule.origins), ("AllowedHeader", rule.headers)):
        for value in values:
            if value.count("*") > 1:
                raise InvalidRequest(f'{name} "{value}" can not have more than one wildcard.')
    for value in rule.exposed:
        if "*" in value:
            raise InvalidRequest(
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )
    return rule


def _texts(element: Element, name: str) -> Iterator[str]:
    for child in element.findall(name):
        text = (child.text or "").strip()
        # What went into a header of an answer could not be sent.
        if not text or not text.isprintable():
            raise MalformedXML
        yield text


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 10):
        raise MalformedXML
    return int(text)


def _fits(pattern: str, value: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == value
    return len(value) >= len(before) + len(after) and value.startswith(before) and value.endswith(after)
