"""Where the code of a function or a layer can be fetched: `Location`, a URL that holds for ten minutes."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import urlencode

from objectlens.clock import Clock
from objectlens.functions import ZipStore
from objectlens.http import Headers, HttpRequest, HttpResponse

PREFIX = "/-/code/"
LIFETIME = 600
_PATH = re.compile(rf"{PREFIX}(?P<digest>[0-9a-f]{{64}})\.zip")


class Downloads:
    """Makes such URLs and answers requests for them. They are signed with `key`, so nobody else can make one."""

    def __init__(self, zips: ZipStore, key: bytes, clock: Clock) -> None:
        self.zips = zips
        self._key = hmac.digest(key, b"code downloads", hashlib.sha256)
        self._clock = clock

    def url(self, http: HttpRequest, digest: str) -> str | None:
        """Return a URL for the zip of a package at the address that a request came to; None when it is not kept."""
        if not self.zips.has(digest):
            return None
        expires = str(int(self._clock.now().timestamp()) + LIFETIME)
        query = urlencode({"Expires": expires, "Signature": self._sign(digest, expires)})
        return f"{http.scheme}://{http.host}{PREFIX}{digest}.zip?{query}"

    def serve(self, http: HttpRequest) -> HttpResponse:
        """Answer a request for such a URL: with the zip, or 403 for one that is not ours or has expired."""
        match = _PATH.fullmatch(http.path)
        given = dict(http.parameters())
        expires = given.get("Expires", "")
        if match is None or http.method != "GET" or not expires.isdecimal() or len(expires) > 12:
            return _refusal(403, b"not a URL that GetFunction gave\n")
        wanted = self._sign(match["digest"], expires)
        if not hmac.compare_digest(wanted.encode(), given.get("Signature", "").encode()):
            return _refusal(403, b"not a URL that GetFunction gave\n")
        if int(expires) < self._clock.now().timestamp():
            return _refusal(403, b"the URL has expired: call GetFunction again\n")
        found = self.zips.open(match["digest"])
        if found is None:
            return _refusal(404, b"the code is not kept any more\n")
        return HttpResponse(200, Headers([("Content-Type", "application/zip")]), found)

    def _sign(self, digest: str, expires: str) -> str:
        return hmac.new(self._key, f"{digest} {expires}".encode(), hashlib.sha256).hexdigest()


def _refusal(status: int, text: bytes) -> HttpResponse:
    return HttpResponse(status, Headers([("Content-Type", "text/plain; charset=utf-8")]), text)
