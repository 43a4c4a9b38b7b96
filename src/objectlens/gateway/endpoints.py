"""Which API a request is for: told by the signing scope, the host and the path, in this order (ARCHITECTURE.md)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from objectlens.http import HttpRequest
from objectlens.operation import Api

# What stands between the service and the domain is a region: in `iam.s3.amazonaws.com`, `iam` is a bucket.
_HOST = re.compile(
    r"(?:^|\.)(lambda|iam|sts|s3-control)(?:-fips)?(?:\.dualstack)?(?:\.(?!s3)[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?(?::|$)"
)
_BY_SCOPE: dict[str, Api] = {"lambda": "lambda", "iam": "iam", "sts": "sts"}
_BY_HOST: dict[str, Api] = {"lambda": "lambda", "iam": "iam", "sts": "sts", "s3-control": "s3control"}


def _scope(http: HttpRequest) -> tuple[str, str] | None:
    """Find the access key id and the service that a request claims. Nothing is verified here."""
    text = http.headers.get("authorization")
    if text is None:
        marker = "X-Amz-Credential="
        if marker not in http.query:
            return None
        text = "Credential=" + unquote(http.query.partition(marker)[2].partition("&")[0])
    # Strangers choose this text: it is cut, not searched with a pattern, which takes time in proportion to its length.
    parts = text.partition("Credential=")[2].partition(",")[0].strip().rsplit("/", 4)
    return (parts[0], parts[3].lower()) if len(parts) == 5 and parts[4] == "aws4_request" else None


def access_key_id(http: HttpRequest) -> str | None:
    """Return the access key id that a request claims, None when it has no signature."""
    if http.headers.get("authorization") is None and "X-Amz-Credential=" not in http.query:
        return None
    scope = _scope(http)
    return scope[0] if scope else ""


def which_api(http: HttpRequest) -> Api:
    """Return the API that is to answer. What nothing claims is S3's, for its paths may be anything."""
    scope = _scope(http)
    if scope is not None and (api := _BY_SCOPE.get(scope[1])) is not None:
        return api
    if "amazonaws.com" in http.host and (match := _HOST.search(http.host.lower())):
        return _BY_HOST[match.group(1)]
    # S3 Control signs as `s3` and differs by its path alone (reference section 12.1); the header keeps a bucket named
    # `v20180820` usable.
    if http.path.startswith("/v20180820/") and "x-amz-account-id" in http.headers:
        return "s3control"
    return "s3"
