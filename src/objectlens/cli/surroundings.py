"""The environment in which a program that uses AWS reaches this server instead, with nothing changed in it.

Reference section 2: endpoint variables, host prefixes, and names such as `NAME-ACCOUNT.127.0.0.1` that no resolver
knows, which an HTTP proxy is asked for instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from objectlens.settings import Credentials

# Whatever would make an SDK sign with another key than ours.
_CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
# Whatever would make an SDK go elsewhere or refuse a custom endpoint.
_ENDPOINT_VARIABLES = (
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_S3_USE_ARN_REGION",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)


def surround(
    environ: Mapping[str, str], *, endpoint: str, region: str, credentials: Credentials | None
) -> dict[str, str]:
    """Return `environ` changed so that AWS's SDKs and tools use `endpoint`.

    Without `credentials` the caller's own stay as they are. A region that the caller chose stays; `region` is for those
    who chose none.
    """
    result = {name: value for name, value in environ.items() if not _leads_away(name)}
    if credentials is not None:
        result = {name: value for name, value in result.items() if name not in _CREDENTIAL_VARIABLES}
        result["AWS_ACCESS_KEY_ID"] = credentials.access_key_id
        result["AWS_SECRET_ACCESS_KEY"] = credentials.secret_access_key
    chosen = result.get("AWS_REGION") or result.get("AWS_DEFAULT_REGION") or region
    result["AWS_REGION"] = result.get("AWS_REGION") or chosen
    result["AWS_DEFAULT_REGION"] = result.get("AWS_DEFAULT_REGION") or chosen
    result["AWS_ENDPOINT_URL"] = endpoint
    result["AWS_DISABLE_HOST_PREFIX_INJECTION"] = "true"
    result["AWS_EC2_METADATA_DISABLED"] = "true"
    return _proxied(result, endpoint)


def _leads_away(name: str) -> bool:
    return name in _ENDPOINT_VARIABLES or name.startswith("AWS_ENDPOINT_URL_")


def _proxied(environ: dict[str, str], endpoint: str) -> dict[str, str]:
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        # A proxy for https is a tunnel, which we are not: such a server needs wildcard names in DNS.
        return environ
    host = parts.hostname or ""
    environ["HTTP_PROXY"] = environ["http_proxy"] = endpoint
    for name in ("NO_PROXY", "no_proxy"):
        if name in environ:
            environ[name] = ",".join(one for one in environ[name].split(",") if not _excludes(one, host))
    return environ


def _excludes(entry: str, host: str) -> bool:
    """Tell whether an entry of `no_proxy` keeps names below `host` from the proxy, whatever the port."""
    name = entry.strip().lower().removeprefix("*").lstrip(".")
    name = name.rpartition(":")[0] if name.count(":") == 1 else name
    return not name or host == name or host.endswith(f".{name}")
