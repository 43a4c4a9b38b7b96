"""The environment variables of a function's process (reference section 14.3).

Nothing of the server's own environment is passed on.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from pathlib import Path

from objectlens.catalog.entities import Function
from objectlens.functions.configuration import Capture, Credentials, Surroundings
from objectlens.functions.node import sdk_endpoint
from objectlens.functions.runtimes import Runtime
from objectlens.functions.searching import LAYERS

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "OBJECTLENS_ENDPOINT_URL",
        "OBJECTLENS_TLS_URL",
        LAYERS,
    }
)
"""Names that a function's configuration may not set."""

# Where the AWS SDKs, Python, OpenSSL, requests and curl look for roots to trust, and Node.js for more of them.
_BUNDLE = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_AUTHORITY = "NODE_EXTRA_CA_CERTS"
# Where AWS's runtimes have their roots: functions name these to have them trusted at all (Node.js from 20 on), or by a
# library. Here the roots are elsewhere, and more of them.
_AWS_ROOTS = {"/var/runtime/ca-cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"}

_LANGUAGE = "en_US.UTF-8"
# LC_ALL_MASK of glibc's locale.h: all but LC_ALL, which is the seventh.
_ALL_CATEGORIES = 0x1FFF & ~(1 << 6)

_SERVICES = ("S3", "S3_CONTROL", "LAMBDA", "STS", "IAM")

# Large images map and unmap whole frames with glibc's defaults; page faults then take a quarter of the time.
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(256 * 1024 * 1024)}
# Environments run side by side: threads inside each of them would only fight for the same cores.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1", "OPENBLAS_NUM_THREADS": "1"}

# As in AWS's Node.js runtimes, SDK v2 keeps its connections. Which Node.js serves a function is not the function's
# choice, so SDK v3 need not advise it, at every start, to take a newer one.
_NODE = {"AWS_NODEJS_CONNECTION_REUSE_ENABLED": "1", "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true"}


def log_group(function: Function) -> str:
    """Return the name of a function's log group."""
    return function.logging.group or f"/aws/lambda/{function.name}"


def _logging(function: Function) -> dict[str, str]:
    """Return what tells AWS's runtimes how to write the application's lines."""
    level = function.logging.application_level
    return {"AWS_LAMBDA_LOG_FORMAT": function.logging.format} | ({"AWS_LAMBDA_LOG_LEVEL": level} if level else {})


def make_variables(
    function: Function,
    *,
    runtime: Runtime,
    surroundings: Surroundings,
    credentials: Credentials,
    task_root: Path,
    temporary: Path,
    runtime_api: str,
    log_stream: str,
    opt: Path | None = None,
    initialization: str = "on-demand",
) -> dict[str, str]:
    """Return all variables of one environment; the function's own win over all but the reserved.

    `opt` is where the environment sees its layers, None when it has none.
    """
    endpoint = surroundings.endpoint_url
    if runtime.node is not None:
        endpoint = sdk_endpoint(endpoint, function.environment)
    variables = {
        "PATH": f"/usr/local/bin:/usr/bin/:/bin:{opt or '/opt'}/bin",
        "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib:{opt or '/opt'}/lib",
        "LANG": _language(),
        "TZ": ":UTC",
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        # The service's own Python has awscrt, which makes botocore sign by other rules: it cannot send a stream of
        # unknown length. On Lambda there is none.
        "BOTO_DISABLE_CRT": "true",
        "AWS_CONFIG_FILE": str(surroundings.folder / "sdk-config"),
        **{f"AWS_ENDPOINT_URL_{service}": endpoint for service in _SERVICES},
        **_ALLOCATOR,
        **_ONE_THREAD,
        **(_NODE | _node_path(runtime, opt) if runtime.node else {}),
        **_logging(function),
        **without_reserved(function.environment),
        **_trust(function, surroundings.capture),
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(function),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_ACCESS_KEY": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "OBJECTLENS_ENDPOINT_URL": surroundings.endpoint_url,
    }
    if surroundings.capture is not None:
        variables["OBJECTLENS_TLS_URL"] = surroundings.capture.tls_url
    if opt is not None:
        variables[LAYERS] = str(opt)
    if runtime.managed:
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{runtime.name}"
    return variables


@functools.cache
def _language() -> str:
    """Return Lambda's language, or where this machine lacks it, and `setlocale(3)` would fail, one that all have."""
    libc = ctypes.CDLL(None)
    libc.newlocale.restype = ctypes.c_void_p
    found = libc.newlocale(_ALL_CATEGORIES, _LANGUAGE.encode(), None)
    if not found:
        return "C.UTF-8"
    libc.freelocale(ctypes.c_void_p(found))
    return _LANGUAGE


def _trust(function: Function, capture: Capture | None) -> dict[str, str]:
    if capture is None or function.environment.get("OBJECTLENS_CAPTURE") == "0":
        return {}
    roots = {**dict.fromkeys(_BUNDLE, str(capture.bundle)), _AUTHORITY: str(capture.authority)}
    own = function.environment
    return {name: path for name, path in roots.items() if name not in own or own[name] in _AWS_ROOTS}


def _node_path(runtime: Runtime, opt: Path | None) -> dict[str, str]:
    """Return where modules of layers are looked for, those for this version of Node.js first."""
    if opt is None:
        return {}
    major = runtime.name.removeprefix("nodejs").partition(".")[0]
    return {"NODE_PATH": f"{opt}/nodejs/node{major}/node_modules:{opt}/nodejs/node_modules"}


def without_reserved(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a function may set itself."""
    return {name: value for name, value in variables.items() if name not in RESERVED}


SDK_CONFIG = """\
# AWS_CONFIG_FILE of every function. Over plain HTTP the SDKs would read a body twice to sign it, which bodies that
# stream through a function do not allow.
[default]
s3 =
    payload_signing_enabled = false
"""
