"""Many GETs of one presigned URL, over connections that are kept: more than boto3 could make."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from support.live import Lens


def presigned(lens: Lens, key: str) -> str:
    """Return a URL that reads an object through a lens for an hour."""
    control = lens.server.client("s3control")
    made = control.get_access_point_for_object_lambda(AccountId=lens.server.account, Name=lens.name)
    url: str = lens.server.client("s3", signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": made["Alias"]["Value"], "Key": key}
    )
    return url


@dataclass
class Load:
    """What came of it: of each answer when it was complete (`time.monotonic`), its status, and its body's size."""

    answers: list[tuple[float, int, int]] = field(default_factory=list)
    began: int = 0

    @property
    def good(self) -> list[tuple[float, int, int]]:
        return [one for one in self.answers if one[1] == 200]


async def load(
    url: str, count: int, *, connections: int = 32, headers: dict[str, str] | None = None, into: Load | None = None
) -> Load:
    """GET a URL so often; a server that goes away ends it."""
    found, left = into or Load(), iter(range(count))
    await asyncio.gather(*(_client(url, left, found, headers or {}) for _ in range(connections)))
    return found


async def _client(url: str, left: Iterator[int], found: Load, headers: dict[str, str]) -> None:
    at = urlsplit(url)
    lines = [
        f"GET {at.path}?{at.query} HTTP/1.1",
        f"Host: {at.netloc}",
        *[f"{name}: {headers[name]}" for name in headers],
    ]
    head = "\r\n".join([*lines, "", ""]).encode()
    try:
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
    except OSError:
        return
    try:
        for _ in left:
            found.began += 1
            writer.write(head)
            status, size = await _answer(reader)
            found.answers.append((time.monotonic(), status, size))
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    await reader.readexactly(size)
    return int(head.split(" ", 2)[1]), size
