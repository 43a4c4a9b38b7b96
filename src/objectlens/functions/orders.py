"""What a gateway process orders of the function host: an environment, or a template to fork environments from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from objectlens.functions.isolation import Confinement
from objectlens.functions.isolation_doors import Place

# What depends on the confinement, which the host makes, stands in an order as one of these.
TEMPORARY = Path("/\x01temporary")
OPT = Path("/\x01opt")
RUNTIME_API = "\x01runtime-api"
"""The address of the Runtime API in a sandbox without a network; else it is the gateway that knows it."""
PARENT = -1
LIMITS = "\x01limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One process to be started, sizes in MB; see `starting` and `Isolation.confine` for the others.

    `stream` is its log stream, which no other process has. A template has no command of its own.
    """

    stream: str
    command: Sequence[str]
    python: str
    variables: Mapping[str, str]
    task_root: Path
    layers: Path | None
    memory_size: int
    ephemeral_storage: int
    node: str | None
    addresses: tuple[tuple[str, int], ...] | None
    forks: int
    hosts: str | None
    java: tuple[Path, ...]

    @property
    def marker(self) -> str:
        """The piece of its environment by which it, and what it starts, are found."""
        return f"AWS_LAMBDA_LOG_STREAM_NAME={self.stream}"

    @property
    def key(self) -> str:
        """A name for what is made for it alone."""
        return self.stream[-32:]

    def variables_in(self, confinement: Confinement, place: Place | None = None) -> dict[str, str]:
        """Return its variables as they are in a confinement; `place` is where its Runtime API is there."""
        known = {} if place is None else {RUNTIME_API: place.address}
        return {name: known.get(value) or _placed(value, confinement) for name, value in self.variables.items()}

    def command_in(self, confinement: Confinement) -> list[str]:
        """Return its command as it is in a confinement."""
        known = {str(PARENT): str(confinement.parent), LIMITS: confinement.orders}
        return [known[word] if word in known else _placed(word, confinement) for word in self.command]

    def write(self) -> dict[str, Any]:
        """Return it as JSON's kinds of values."""
        return asdict(self) | {
            "command": list(self.command),
            "task_root": str(self.task_root),
            "layers": None if self.layers is None else str(self.layers),
            "addresses": None if self.addresses is None else [list(one) for one in self.addresses],
            "java": [str(path) for path in self.java],
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Order:
        """Return what was written."""
        layers, addresses = values["layers"], values["addresses"]
        paths = {
            "task_root": Path(values["task_root"]),
            "layers": None if layers is None else Path(layers),
            "addresses": None if addresses is None else tuple((host, port) for host, port in addresses),
            "java": tuple(map(Path, values["java"])),
        }
        return cls(**{**values, **paths})


def _placed(text: str, confinement: Confinement) -> str:
    return text.replace(str(TEMPORARY), str(confinement.temporary)).replace(str(OPT), str(confinement.opt or "/opt"))
