"""What can be wrong with a transform, its arguments or its input.

All are `ValueError`s with a message that names the cause and the remedy; whoever serves requests turns each class into
an answer of its API. Anything else that a transform raises is a fault of the transform.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TransformError(ValueError):
    """The parent of every error that a transform reports on purpose."""


class BadInput(TransformError):
    """The object is not what the pipeline reads: another format, cut short, or corrupt."""


class LimitExceeded(TransformError):
    """The object would cost more than allowed; `limit` is the name of the setting."""

    def __init__(self, limit: str, value: float | str, allowed: float) -> None:
        super().__init__(
            f'{value} is more than the limit of {allowed:,} on {limit!r}; raise "limits": {{"{limit}": ...}} of the '
            f"pipeline, or transforms.{limit} of the server's settings where that is lower"
        )
        self.limit = limit
        self.value = value
        self.allowed = allowed


class BadArgument(TransformError):
    """A request's arguments are unknown, out of range, or not allowed; `names` says which."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


class BadPipeline(TransformError):
    """The pipeline's own description is wrong; nothing was run."""


class MissingExtra(BadPipeline):
    """A family of steps whose libraries are not installed; `extra` is what to install."""

    def __init__(self, family: str, extra: str, module: str) -> None:
        super().__init__(f"{family!r} steps need the module {module!r}: pip install 'objectlens[{extra}]'")
        self.extra = extra


@contextmanager
def reading(what: str, *faults: type[Exception]) -> Iterator[None]:
    """Turn a library's complaints about the data it reads into `BadInput`."""
    try:
        yield
    except TransformError:
        raise
    except faults as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadInput(f"cannot read the {what}: {reason}") from error
