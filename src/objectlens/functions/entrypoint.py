"""Tells the Runtime API that the program of an environment cannot be started, as Lambda does in its place.

It runs in the environment's process when `execv` failed, and imports nothing of objectlens.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

_TYPE = "Runtime.InvalidEntrypoint"


def report(path: str, error: OSError) -> None:
    """Report an initialisation error and end the process."""
    why = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError) and os.path.exists(path):  # noqa: PTH110  (pathlib costs its import)
        why += ": the interpreter that it names in its first line, or its loader, is not there"
    message = f"fork/exec {path}: {why}"
    print(f"[ERROR] {message}", file=sys.stderr, flush=True)
    body = json.dumps({"errorMessage": message, "errorType": _TYPE})
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=5)
    connection.request(
        "POST",
        "/2018-06-01/runtime/init/error",
        body,
        {"Lambda-Runtime-Function-Error-Type": _TYPE, "Content-Type": "application/json"},
    )
    connection.getresponse().read()
    connection.close()
    sys.exit(126)
