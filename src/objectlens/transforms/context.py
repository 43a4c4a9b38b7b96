"""What a transform may know and use besides the object: its limits, the request, and files of the operator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from objectlens.transforms.errors import BadPipeline
from objectlens.transforms.limits import Limits, checked

Quality = Literal["fast", "exact"]
Loaded = TypeVar("Loaded")
Version = tuple[int, ...]
_PAYLOAD = '{"quality": "fast" or "exact", "limits": {"pixels": ...}}'


class Resources:
    """Files that steps read besides the object: tokenizers, models. Only the operator puts them there.

    `root` is the only folder that names are looked up in, None forbids them all. `trust_pickles` lets joblib files be
    loaded, which means running whatever code they hold; `trusted_types` are further types that skops may load. What
    was loaded is kept while the file stays the same, and shared between threads.
    """

    def __init__(
        self, root: Path | None = None, *, trust_pickles: bool = False, trusted_types: tuple[str, ...] = ()
    ) -> None:
        self._root = root.resolve() if root else None
        self._loaded: dict[tuple[str, Path], tuple[Version, Any]] = {}
        self._lock = threading.Lock()
        self.trust_pickles = trust_pickles
        self.trusted_types = trusted_types

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy it without what was loaded."""
        return _resources, (self._root, self.trust_pickles, self.trusted_types)

    def path(self, name: str) -> Path:
        """Return the file called `name`; raises `BadPipeline` when there is none, or it is outside the folder."""
        if self._root is None:
            raise BadPipeline(
                f"the file {name!r} cannot be read: there is no folder for resources; name one, for a server by the "
                "setting transforms.resources"
            )
        try:
            path = (self._root / name).resolve()
            if path.is_relative_to(self._root) and path.is_file():
                return path
        except (OSError, ValueError):
            # No name of a file: one that is too long, or has a zero byte in it.
            pass
        raise BadPipeline(f"there is no file {name!r:.80} in the folder for resources")

    def parts(self, name: str) -> tuple[Path, ...]:
        """Return the file called `name`, and `name.data` where that is beside it; raises `BadPipeline` as `path` does.

        PyTorch writes the weights of an ONNX model there, which may change while the model itself stays the same.
        """
        path = self.path(name)
        data = path.with_name(f"{path.name}.data")
        return (path, data) if data.is_file() else (path,)

    def version(self, name: str) -> Version:
        """Return what changes when the file called `name` does; raises `BadPipeline` as `path` does."""
        states = [path.stat() for path in self.parts(name)]
        return tuple(number for state in states for number in (state.st_mtime_ns, state.st_size))

    @property
    def loaded_bytes(self) -> int:
        """The sizes of all files that are kept in memory."""
        return sum(sum(version[1::2]) for version, _ in self._loaded.values())

    def load(self, name: str, loader: Callable[[Path], Loaded]) -> Loaded:
        """Return `loader(path)` of the file called `name`, from memory while the file has not changed."""
        path, version = self.path(name), self.version(name)
        key = (loader.__qualname__, path)
        with self._lock:
            known = self._loaded.get(key)
            if known is None or known[0] != version:
                known = self._loaded[key] = (version, loader(path))
        value: Loaded = known[1]
        return value


def _resources(root: Path | None, trust_pickles: bool, trusted_types: tuple[str, ...]) -> Resources:
    return Resources(root, trust_pickles=trust_pickles, trusted_types=trusted_types)


class Members:
    """Counts the members of an archive, and of the archives that are its members."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def add(self, more: int, limits: Limits) -> None:
        """Count some more; raises `LimitExceeded`."""
        self.count += more
        limits.check("members", self.count, f"an archive of {self.count:,} members or more")


class Running(Protocol):
    """A pipeline that runs in another process."""

    def result(self) -> tuple[int, Iterator[bytes]]:
        """Wait for what it comes to, its length and its pieces, and count its members; raises what was wrong."""
        ...

    def cancel(self) -> object:
        """Say that nobody waits for it any more."""
        ...


class Apart(Protocol):
    """Where pipelines run on the members of an archive that streams: as many `places` at a time are worth it."""

    @property
    def places(self) -> int:
        """How many run side by side."""
        ...

    def begin(self, pipeline: str, limits: Limits, pieces: Iterable[bytes], *, key: str, members: Members) -> Running:
        """Run a pipeline, as JSON, on one member within these limits."""
        ...


def _go_on() -> None:
    """Let it run for as long as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Given to every step. `arguments` are the request's, checked; `key` and `content_type` are the object's.

    `members` counts for all archives of one run. `apart` runs what the members of a stream become, None runs it here.
    What may go on for long without coming to anything calls `still`, which raises when it is to stop.
    """

    limits: Limits = field(default_factory=Limits)
    quality: Quality = "fast"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    content_type: str | None = None
    resources: Resources = field(default_factory=Resources)
    members: Members = field(default_factory=Members)
    apart: Apart | None = None
    still: Callable[[], None] = _go_on

    @classmethod
    def deployed(cls, payload: str, *, key: str | None, content_type: str | None) -> Context:
        """Return that of a deployed transform; `payload` is what `objectlens function deploy` made its FunctionPayload.

        That is nothing, or a JSON object with `quality` and `limits`; raises `BadPipeline` for all else.
        """
        try:
            said = json.loads(payload or "{}")
            quality, limits = said.pop("quality", "fast"), said.pop("limits", {})
            known = not said and quality in ("fast", "exact") and isinstance(limits, dict)
        except (ValueError, AttributeError, TypeError):
            known = False
        if not known:
            raise BadPipeline(f"the FunctionPayload of a deployed transform is {_PAYLOAD}, not {payload:.200}")
        return cls(limits=Limits(**checked(limits)), quality=quality, key=key, content_type=content_type)
