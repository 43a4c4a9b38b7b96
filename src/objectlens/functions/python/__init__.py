"""Python functions on other interpreters than the server's own: which there are, and what they need beside them.

What flows through: a minor version is asked for, an `Interpreter` comes out; `Pythons` makes a virtual environment for
it with AWS's runtime client and boto3, once. What this is not: it starts no process of a function.
"""

from __future__ import annotations

from objectlens.functions.python.interpreters import NEWEST, OLDEST, Interpreter, find_interpreter
from objectlens.functions.python.prepared import Pythons

__all__ = ["NEWEST", "OLDEST", "Interpreter", "Pythons", "find_interpreter"]
