"""What a gateway process orders of the function host: an environment, or a template to fork environments from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from objectlens.functions.runtimes import Runtime

OUTPUT = "output"
"""The first of the files of every order: where the process writes its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One process to be started, sizes in MB; `stream` is its log stream, which no other process has.

    `variables` are all that it is to have, but `HOME` and `TMPDIR` unless the function sets them: where its temporary
    directory is depends on what isolates it.
    """

    stream: str
    runtime: Runtime
    task_root: Path
    variables: Mapping[str, str]
    memory_size: int
    ephemeral_storage: int

    @property
    def marker(self) -> str:
        """The piece of its environment by which it, and what it starts, are found."""
        return marker(self.stream)

    @property
    def key(self) -> str:
        """A name for what is made for it alone."""
        return self.stream[-32:]

    def variables_in(self, temporary: Path) -> dict[str, str]:
        """Return all variables; what the function sets itself wins."""
        return {"HOME": str(temporary), "TMPDIR": str(temporary), **self.variables}

    def write(self) -> dict[str, Any]:
        """Return it as JSON's kinds of values."""
        return asdict(self) | {"task_root": str(self.task_root)}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Order:
        """Return what was written."""
        given = dict(values)
        return cls(runtime=Runtime(**given.pop("runtime")), task_root=Path(given.pop("task_root")), **given)


def marker(stream: str) -> str:
    """Return the variable that no other environment has."""
    return f"AWS_LAMBDA_LOG_STREAM_NAME={stream}"
