"""What a caller sees of what a transform reports, be it from here or from the processes in which transforms run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from objectlens import errors
from objectlens.objectlambda.workers import NoWorker, WorkerCrashed, WorkerEnded, WorkerOverran, WorkerTimeout
from objectlens.transforms import LimitExceeded, Limits, TransformError
from objectlens.transforms.worker import KINDS


@contextmanager
def transform_errors() -> Iterator[None]:
    """Turn what a transform reports into what the caller sees."""
    try:
        yield
    except TransformError as error:
        kind = next((kind for kind, one in KINDS.items() if isinstance(error, one)), "pipeline")
        raise refusal(kind, str(error)) from error


@contextmanager
def worker_errors(limits: Limits, where: str = "") -> Iterator[None]:
    """Turn what became of a process into what the caller sees; `limits` are those of its job, `where` goes before."""
    try:
        yield
    except WorkerTimeout:
        raise errors.LambdaTimeout("The transform did not come to an end within the allowed time.") from None
    except NoWorker as error:
        raise errors.LambdaRuntimeError(f"No process can be started for the transform: {error}.") from None
    except WorkerOverran:
        over = LimitExceeded("cpu_seconds", "what the transform takes of a processor", limits.cpu_seconds)
        raise errors.TransformLimitExceeded(f"{where}{over}") from None
    except WorkerCrashed as error:
        raise errors.InvalidTransformInput(f"{where}it brings down the library that reads it: {error}") from None
    except WorkerEnded as error:
        raise errors.LambdaRuntimeError(f"The process of the transform ended in the middle of it: {error}.") from None


def refusal(kind: str, message: str) -> errors.ServiceError:
    """Return what the caller sees of an error of one of the kinds that workers tell apart."""
    if kind == "limit":
        return errors.TransformLimitExceeded(message)
    if kind == "input":
        return errors.InvalidTransformInput(message)
    if kind == "pipeline":
        return errors.LambdaInvocationFailed(message)
    return errors.LambdaRuntimeError(f"The transform failed ({message}). The server's log has the reason.")
