"""Where steps are found: families of steps, each behind its own extra, loaded when a pipeline first names one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

from objectlens.transforms.bound import Bound
from objectlens.transforms.errors import BadPipeline, MissingExtra

_ROOM = "objectlens.transforms."
# Family -> the extra that installs what it needs.
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "image": "image",
        "audio": "audio",
        "video": "video",
        "text": "text",
        "table": "table",
        "archive": "archive",
        "tensor": "image",
        "learned": "learned",
    }
)


class Registered(Protocol):
    """What the registry needs to know of a step; see `contract.Step`."""

    name: str
    family: str

    def bind(self, arguments: Mapping[str, Any]) -> Bound:
        """Check the arguments and fix them."""
        ...


@dataclass(frozen=True, slots=True)
class Family:
    """The steps of one family by name, its planning rules, and the versions that decide its results' bytes.

    `check` is given connected steps, and raises `BadPipeline` for those that must fail one after the other.
    """

    steps: Mapping[str, Any]
    rules: tuple[Any, ...]
    versions: Mapping[str, str]
    check: Callable[[Sequence[Bound]], object] | None = None


def load(name: str) -> Family:
    """Import a family; raises `BadPipeline` for an unknown one and `MissingExtra` when its libraries are absent."""
    check_family(name)
    try:
        module = import_module(_ROOM + name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("objectlens"):
            raise
        raise MissingExtra(name, FAMILIES[name], str(error.name)) from error
    steps = {step.name: step for step in module.STEPS}
    return Family(
        MappingProxyType(steps),
        getattr(module, "RULES", ()),
        getattr(module, "VERSIONS", {}),
        getattr(module, "CHECK", None),
    )


def check_family(name: str) -> None:
    """Raise `BadPipeline` for an unknown family."""
    if name not in FAMILIES:
        raise BadPipeline(f"there is no family of steps {name!r}; there are {', '.join(FAMILIES)}")


def find(name: str, default_family: str = "image") -> Any:
    """Return the step called `name` (`audio.decode`); a name without a family is of the default family."""
    family, dot, short = name.rpartition(".")
    family = family if dot else default_family
    steps = load(family).steps
    if short not in steps:
        raise BadPipeline(f"there is no step {short!r} in the family {family!r}; it has {', '.join(sorted(steps))}")
    return steps[short]
