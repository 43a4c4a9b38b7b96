"""Which runtimes this machine has."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from objectlens.errors import InvalidRuntimeException
from objectlens.functions.java import Java, find_java
from objectlens.functions.node import find_node
from objectlens.functions.python import Interpreter, Pythons

_PYTHON = re.compile(r"python3\.(\d{1,2})")
_NODE = re.compile(r"nodejs(18|20|22|24)\.x")
_JAVA = re.compile(r"java(17|21|25)")
_PROVIDED = re.compile(r"provided(\.al2|\.al2023)?")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that can run here.

    `managed` runtimes have `AWS_EXECUTION_ENV` set to the name. `note` goes into the function's log at every start.
    `node` is the Node.js that runs it, of Node.js runtimes only, `java` the Java of Java runtimes. `interpreter` is the
    Python of a Python runtime that does not run on the server's own, and `python` that one's virtual environment.
    """

    name: str
    label: str
    managed: bool
    note: str | None = None
    node: str | None = None
    java: Java | None = None
    interpreter: Interpreter | None = None
    python: str | None = None


def find_runtime(name: str, pythons: Pythons) -> Runtime:
    """Return the runtime of that name; raises `InvalidRuntimeException` that lists what there is.

    It may start processes. The server's own interpreter serves its own minor version, with the packages that handlers
    share with it (boto3, NumPy, OpenCV), and those that this machine does not have.
    """
    if match := _PYTHON.fullmatch(name):
        return _python_runtime(name, int(match[1]), pythons)
    if match := _NODE.fullmatch(name):
        return _node_runtime(name, int(match[1]))
    if match := _JAVA.fullmatch(name):
        return _java_runtime(name, int(match[1]))
    if _PROVIDED.fullmatch(name):
        return Runtime(name, name, managed=False)
    raise InvalidRuntimeException(
        f"The runtime {name} is not available on this machine. Available are python3.x (on the Python of that version, "
        f"else on 3.{sys.version_info.minor}), nodejs18.x, nodejs20.x, nodejs22.x and nodejs24.x (on the Node.js that "
        "is installed), java17, java21 and java25 (on a Java that is installed), and provided, provided.al2, "
        "provided.al2023 (an executable named bootstrap in the package or in a layer)."
    )


def _python_runtime(name: str, minor: int, pythons: Pythons) -> Runtime:
    here = ".".join(str(part) for part in sys.version_info[:3])
    if minor == sys.version_info.minor:
        return Runtime(name, f"python:{here}", managed=True)
    found = pythons.find(minor)
    if found is None:
        note = f"The runtime {name} is not on this machine: the function runs on Python {here}."
        return Runtime(name, f"python:{here}", managed=True, note=note)
    python = str(pythons.home(found) / "bin" / "python")
    return Runtime(name, f"python:{found.version}", managed=True, interpreter=found, python=python)


def _java_runtime(name: str, major: int) -> Runtime:
    """Return a Java runtime on a Java that is new enough; raises `InvalidRuntimeException` when none is."""
    try:
        java = find_java(major)
    except LookupError as error:
        raise InvalidRuntimeException(
            f"The runtime {name} is not available on this machine. {error.args[0]}."
        ) from None
    note = f"The runtime {name} is not on this machine: the function runs on Java {java.version}."
    return Runtime(name, f"java:{java.version}", managed=True, note=None if java.major == major else note, java=java)


def _node_runtime(name: str, major: int) -> Runtime:
    """Return a Node.js runtime on the Node.js that is there; raises `InvalidRuntimeException` when none is."""
    try:
        node = find_node(major)
    except LookupError as error:
        raise InvalidRuntimeException(
            f"The runtime {name} is not available on this machine. {error.args[0]}."
        ) from None
    note = f"The runtime {name} is not on this machine: the function runs on Node.js {node.version}."
    return Runtime(
        name, f"nodejs:{node.version}", managed=True, note=None if node.major == major else note, node=node.path
    )
