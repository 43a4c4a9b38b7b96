"""Elements that several of S3's documents have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from objectlens.s3.xml import nest, tag

STANDARD = "STANDARD"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner by canonical user id."""

    id: str
    display_name: str | None = None

    def element(self, name: str = "Owner") -> str:
        """Return the element."""
        return nest(name, (tag("ID", self.id), tag("DisplayName", self.display_name)))


def checksum_elements(checksums: Mapping[str, str], checksum_type: str | None = None) -> tuple[str, ...]:
    """Return `ChecksumCRC32` and its like, with `ChecksumType`; nothing when there are no checksums."""
    found = tuple(tag(f"Checksum{name}", value) for name, value in checksums.items())
    return (*found, tag("ChecksumType", checksum_type)) if found else ()


def writer(encoding_type: str | None) -> Callable[[str], str]:
    """Return how keys are written: percent-encoded but for `/` with `url`, else as they are."""
    return _percent if encoding_type == "url" else _plain


def prefix_elements(prefixes: Iterable[str], write: Callable[[str], str]) -> Iterable[str]:
    """Return a `CommonPrefixes` element for each prefix."""
    return (nest("CommonPrefixes", (tag("Prefix", write(one)),)) for one in prefixes)


def _percent(text: str) -> str:
    return quote(text, safe="/", errors="replace")


def _plain(text: str) -> str:
    return text
