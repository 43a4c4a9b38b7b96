"""From a transform in Python to what is deployed: a pipeline as data, or the package of an ordinary Lambda function.

Built-in steps need no code of the user's, so their chain becomes the payload of the built-in function. Everything else
is packaged with a handler that any service of Lambda functions can run, if it has objectlens installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import sys
import traceback
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from objectlens.cli.packing import source_files, write_file, write_member
from objectlens.transforms import BadPipeline, Pipeline, Step
from objectlens.transforms.bound import Bound
from objectlens.transforms.registry import find
from objectlens.transforms.runner import connected

HANDLER = "lambda_function.lambda_handler"
_HANDLER_SOURCE = '''\
"""Runs a transform on the object that was asked for. Made by `objectlens function deploy`."""

import re
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.exceptions import ClientError

from objectlens.transforms import BadArgument, BadInput, Context, LimitExceeded, Step, asked
from {module} import {name} as transform

s3 = boto3.client("s3")
pipeline = transform.bound() if isinstance(transform, Step) else transform
codes = {{
    BadArgument: "InvalidArgument",
    BadInput: "InvalidTransformInput",
    LimitExceeded: "TransformLimitExceeded",
}}


class Body:
    """An iterator of bytes as the file that boto3 wants."""

    def __init__(self, chunks):
        self.chunks = iter(chunks)
        # Made before the answer begins: what is wrong with an object mostly shows there.
        self.rest = memoryview(next(self.chunks, b""))
        self.error = None

    def read(self, size=-1):
        parts = []
        while size:
            if not self.rest:
                chunk = self.next()
                if chunk is None:
                    break
                self.rest = memoryview(chunk)
            found = self.rest if size < 0 else self.rest[:size]
            self.rest = self.rest[len(found) :]
            size -= len(found) if size > 0 else 0
            parts.append(found)
        return b"".join(parts)

    def next(self):
        try:
            return next(self.chunks, None)
        except Exception as error:
            self.error = error
            raise

    def close(self):
        self.error = None
        if hasattr(self.chunks, "close"):
            self.chunks.close()


def lambda_handler(event, context):
    target = event["getObjectContext"]
    route = {{"RequestRoute": target["outputRoute"], "RequestToken": target["outputToken"]}}
    url = urllib.parse.urlsplit(event["userRequest"]["url"])
    body = b""
    try:
        arguments = pipeline.read(asked_of(url.query, event["userRequest"]["headers"]))
        with urllib.request.urlopen(target["inputS3Url"]) as source:
            kind = source.headers.get("Content-Type")
            key, payload = urllib.parse.unquote(url.path.removeprefix("/")), event["configuration"]["payload"]
            ctx = Context.deployed(payload, key=key, content_type=kind)
            result = pipeline(iter(lambda: source.read(65536), b""), ctx=ctx, **arguments)
            body = result.body if isinstance(result.body, bytes) else Body(result.body)
            facts = {{"ContentType": result.content_type}} if result.content_type else {{}}
            s3.write_get_object_response(**route, Body=body, Metadata=dict(result.metadata), **facts)
    except urllib.error.HTTPError as error:
        answer = error.read().decode("utf-8", "replace")
        said = {{name: re.search(f"<{{name}}>(.*?)</{{name}}>", answer) for name in ("Code", "Message")}}
        code, message = (found.group(1) if found else "SourceFailed" for found in said.values())
        s3.write_get_object_response(**route, StatusCode=error.code, ErrorCode=code, ErrorMessage=message)
    except Exception as caught:
        # Of what a body raises boto3 tells only that it could not send again.
        error = (isinstance(body, Body) and body.error) or caught
        code = next((code for kind, code in codes.items() if isinstance(error, kind)), None)
        if code is None:
            raise error
        refusal = {{"StatusCode": 400, "ErrorCode": code, "ErrorMessage": on_one_line(reason(error))}}
        try:
            s3.write_get_object_response(**route, **refusal)
        except ClientError:
            # Some of the answer was passed on already; the reason is for the log.
            raise error from None
    finally:
        # Whoever asked may be gone: a generator's `finally` is run now, not whenever it, or an error, is collected.
        error = None
        if isinstance(body, Body):
            body.close()


def reason(error):
    if isinstance(error, LimitExceeded):
        # The settings that it names do not reach functions.
        said = f"{{error.value}} is more than the limit of {{error.allowed:,}} on {{error.limit!r}}"
        return f"{{said}}; deploy it with --limit {{error.limit}}=..."
    return str(error)


def on_one_line(text):
    # It is sent as a header.
    return re.sub(r"[\\s\\x00-\\x1f\\x7f]+", " ", text).strip()


def asked_of(query, headers):
    header = next((value for name, value in headers.items() if name.lower() == "x-objectlens-args"), None)
    return asked(urllib.parse.parse_qsl(query, keep_blank_values=True), header)
'''


class NotDeployable(ValueError):
    """What was named is no transform, or cannot be packaged; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform where it was found: `module` is its importable name, `origins` the files and package folders.

    The first is that of the module itself; the others lie beside it, and it imports them.
    """

    module: str
    name: str
    origins: tuple[Path, ...]
    pipeline: Pipeline


def load(target: str, folder: Path) -> Transform:
    """Import `module:name`, with `folder` on the path; raises `NotDeployable`."""
    module, parted, name = target.partition(":")
    if not parted or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise NotDeployable(f"{target!r} is not module:name, such as thumbnails:normalize, nor a folder")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise NotDeployable(f"cannot import {module!r} from {folder}: {error}") from error
    # Whatever the user's own code raises, or the parser of it; the last line is where to look.
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f" ({place.filename}, line {place.lineno})" if not isinstance(error, SyntaxError) else ""
        raise NotDeployable(f"cannot import {module!r}: {type(error).__name__}: {error}{where}") from error
    if not isinstance(found, Step | Pipeline):
        raise NotDeployable(
            f"{target} is not a transform: decorate the function with @transform, or chain steps with >>"
        )
    try:
        pipeline = found.bound() if isinstance(found, Step) else found
        connected(pipeline.steps, "chunks")
    except ValueError as error:
        raise NotDeployable(f"{target} cannot be deployed as it is: {error}") from error
    origin = _origin(module.partition(".")[0])
    return Transform(module, name, (origin, *_imported_from(folder, origin)), pipeline)


def _origin(top: str) -> Path:
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise NotDeployable(f"{top!r} has no source file that could be packaged; put the transform into a module")
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path


def _imported_from(folder: Path, origin: Path) -> list[Path]:
    """Return the other modules and packages in `folder` that were imported."""
    here, found = folder.resolve(), set()
    for name, module in list(sys.modules.items()):
        if "." in name or name in ("__main__", "objectlens"):
            continue
        # A package need not have an __init__.py.
        places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
        paths = [Path(place) for place in places if place is not None]
        found |= {path for path in paths if path.parent.resolve() == here and path != origin}
    return sorted(found)


def as_data(pipeline: Pipeline, terms: Mapping[str, Any]) -> str | None:
    """Return a chain of built-in steps as a pipeline's JSON, None when one of the steps is the user's own.

    `terms` stand in it beside the steps: `quality` and `limits`.
    """
    steps = []
    for bound in pipeline.steps:
        step = _built_in(bound)
        if step is None:
            return None
        defaults = {one.name: one.default for one in step.parameters}
        steps.append({bound.name: {name: value for name, value in bound.arguments.items() if defaults[name] != value}})
    return json.dumps({"pipeline": steps, **terms})


def _built_in(bound: Bound) -> Step | None:
    if "." not in bound.name:
        return None
    try:
        step = find(bound.name)
    except BadPipeline:
        return None
    same = isinstance(bound.call, partial) and isinstance(step, Step) and bound.call.func is step.function
    return step if same else None


def package(transform: Transform) -> bytes:
    """Return the zip of a Lambda function: the module or package of the transform, what it imports, and its handler."""
    files: dict[str, Path] = {}
    for origin in transform.origins:
        if origin.name == "lambda_function.py":
            raise NotDeployable("the module cannot be called lambda_function: the handler is; rename it")
        inner = source_files(origin) if origin.is_dir() else {"": origin}
        files |= {f"{origin.name}/{name}".rstrip("/"): path for name, path in inner.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        handler = _HANDLER_SOURCE.format(module=transform.module, name=transform.name)
        write_member(archive, "lambda_function.py", handler)
        for name, path in files.items():
            write_file(archive, name, path)
    return buffer.getvalue()
