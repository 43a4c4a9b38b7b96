"""Which functions run elsewhere, and where: values and look-up, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from objectlens.arn import Arn
from objectlens.catalog.entities import LATEST, Function

_FUNCTION = re.compile(r"function:([^:]+)(?::(.+))?")


@dataclass(frozen=True, kw_only=True)
class Remote:
    """An endpoint that has the Lambda Invoke API.

    `functions` are patterns of the ARNs that it serves; one without qualifier stands for all of them. `endpoint` None
    is AWS's own in the region; `region` None is that of the function's ARN. `profile` names whose credentials sign,
    None leaves it to AWS's usual search. What is not `signed` is a runtime emulator. `public_url` is where its
    functions reach this service, without a trailing slash. `timeout_seconds` is for one invocation; at most
    `concurrency` are in work, `queue` more wait, each for `queue_seconds`.
    """

    name: str
    functions: tuple[str, ...]
    public_url: str
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    signed: bool = True
    timeout_seconds: float = 60.0
    concurrency: int = 32
    queue: int = 1000
    queue_seconds: float = 30.0

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return self.endpoint or "AWS Lambda"

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_compiled(one) for one in self.functions)

    def serves(self, arn: str) -> bool:
        """Tell whether a function runs there; `arn` with or without a qualifier."""
        whole = ":".join(arn.split(":")[:7])
        return any(one.fullmatch(arn) or one.fullmatch(whole) for one in self._patterns)


class Remotes:
    """All that are configured, by name."""

    def __init__(self, remotes: Iterable[Remote] = ()) -> None:
        self._remotes = {one.name: one for one in remotes}

    def __iter__(self) -> Iterator[Remote]:
        return iter(self._remotes.values())

    def named(self, name: str | None) -> Remote | None:
        """Return the one of a name."""
        return self._remotes.get(name or "")

    def of(self, arn: str) -> Remote | None:
        """Return where a function runs, None when that is here; of several the first."""
        return next((one for one in self if one.serves(arn)), None)


def remote_function(arn: str) -> Function:
    """Return what is known here of a function that runs elsewhere: its name, and the qualifier for a version.

    Raises `ValueError` for what is not the ARN of a function.
    """
    parsed = Arn.parse(arn)
    match = _FUNCTION.fullmatch(parsed.resource)
    if match is None:
        raise ValueError(f"not the ARN of a function: {arn!r}")
    return Function(
        name=match[1],
        account=parsed.account,
        region=parsed.region,
        version=match[2] or LATEST,
        runtime="",
        handler="",
        role="",
        package="",
        code_sha256="",
        code_size=0,
        last_modified=datetime.fromtimestamp(0, UTC),
        revision_id="",
        memory_size=0,
    )


def log_name(remote: str, function: str) -> str:
    """Return the name of the log of a function that runs elsewhere; no function here can have it, for the dot."""
    return f"{remote}.{function}"


def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(one) or re.escape(one) for one in pattern), re.DOTALL)
