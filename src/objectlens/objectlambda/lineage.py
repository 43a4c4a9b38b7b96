"""Where an answer comes from, told in headers on each managed answer."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from objectlens.cache import Derived

CACHE: Final = "x-objectlens-cache"
_LONGEST: Final = 2048

Way = Literal["hit", "miss", "fill", "bypass"]
"""How an answer came about: it was kept; it was made for this request and is kept; it was being made for another one;
it was made for this request alone.
"""


def headers(derived: Derived, way: Way, duration_ms: int) -> list[tuple[str, str]]:
    """Return the headers; `duration_ms` is what making it took, or has taken until its bytes began to come."""
    arguments = derived.arguments
    if len(arguments) > _LONGEST:
        arguments = f"sha256:{hashlib.sha256(arguments.encode()).hexdigest()}"
    return [
        ("x-objectlens-source-etag", f'"{derived.source.etag}"'),
        ("x-objectlens-function", derived.maker.function),
        ("x-objectlens-function-digest", derived.maker.digest),
        ("x-objectlens-arguments", arguments),
        (CACHE, way),
        ("x-objectlens-duration-ms", str(duration_ms)),
    ]
