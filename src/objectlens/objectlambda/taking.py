"""What is taken over of a function's answer into a derived object, and what an answer says of its own use."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from objectlens.cache import Head
from objectlens.errors import LambdaInvalidResponse
from objectlens.objectlambda.rendezvous import Answer
from objectlens.s3.checksums import ALGORITHMS, header_name
from objectlens.s3.forwarded import ForwardedResponse
from objectlens.s3.headers import SYSTEM_HEADERS
from objectlens.streams import TooLarge, read_all

# The gateway's to say: what a function knows of these is of the source, or of nothing.
_OURS: Final = frozenset(
    {
        "accept-ranges",
        "content-range",
        "etag",
        "last-modified",
        "x-amz-mp-parts-count",
        "x-amz-version-id",
        *(header_name(algorithm) for algorithm in ALGORITHMS),
    }
)
_SYSTEM: Final = frozenset(SYSTEM_HEADERS)
_LONGEST_ERROR: Final = 8 * 1024 * 1024


def taken_head(forwarded: ForwardedResponse) -> Head:
    """Return what is kept beside the bytes."""
    return Head(
        system=tuple((name, value) for name, value in forwarded.headers if name in _SYSTEM),
        metadata=tuple(forwarded.metadata.items()),
        extra=tuple(
            (name, value) for name, value in forwarded.headers if name not in _SYSTEM and name.lower() not in _OURS
        ),
    )


def is_private(forwarded: ForwardedResponse) -> bool:
    """Tell whether an answer must not be given to anybody else (RFC 9111 section 5.2.2)."""
    said = next((value for name, value in forwarded.headers if name == "Cache-Control"), "")
    return not directives(said).isdisjoint({"no-store", "private"})


def directives(header: str | None) -> frozenset[str]:
    """Return the names of the directives of a Cache-Control header, in lower case."""
    return frozenset(one.partition("=")[0].strip().lower() for one in (header or "").split(","))


async def gathered(answer: Answer) -> Answer:
    """Return an answer that is no derived object, with all of its body, for whoever waits; at most 8 MiB of it."""
    if isinstance(answer.body, bytes):
        return answer
    try:
        body = await read_all(answer.body, _LONGEST_ERROR)
    except TooLarge:
        await answer.body.aclose()  # type: ignore[attr-defined]
        raise LambdaInvalidResponse(
            f"The function answered {answer.forwarded.status} with more than {_LONGEST_ERROR} bytes. A managed "
            "function answers 200 with the whole object, or an error."
        ) from None
    return replace(answer, body=body, length=len(body))
