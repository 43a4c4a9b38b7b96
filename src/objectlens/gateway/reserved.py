"""What answers anybody under `/-/`: no bucket's name can start so. What only some may see is in `metrics` and `signed`.

What is not for everyone has its own proof in the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from objectlens.http import Headers, HttpRequest, HttpResponse

PREFIX = "/-/"
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


def serve(
    http: HttpRequest, ready: Callable[[], bool], pages: Mapping[str, Callable[[HttpRequest], HttpResponse]]
) -> HttpResponse:
    """Answer a request for a reserved path; `pages` answer those that start with their names."""
    if http.method not in {"GET", "HEAD"}:
        return HttpResponse(405, Headers([_TEXT, ("Allow", "GET, HEAD")]), b"only GET and HEAD\n")
    if http.path == "/-/health/live":
        return HttpResponse(200, Headers([_TEXT]), b"live\n")
    if http.path == "/-/health/ready":
        return HttpResponse(200, Headers([_TEXT]), b"ready\n") if ready() else _not_ready()
    for prefix, page in pages.items():
        if http.path.startswith(prefix):
            return page(http)
    return HttpResponse(
        404, Headers([_TEXT]), b"no such page; there are /-/health/live, /-/health/ready and /-/metrics\n"
    )


def _not_ready() -> HttpResponse:
    return HttpResponse(503, Headers([_TEXT, ("Retry-After", "1")]), b"starting or draining\n")
