"""The first code that runs in an environment's process, started as a script: `launch.py [PARENT LIMITS [COMMAND ...]]`.

It ties the process to its parent, limits it (see `confine`), then becomes the command, or, without one, AWS's runtime
interface client for Python with the function's own files first on the path. It imports nothing of objectlens, because
it runs beside user code.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def tie_to(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (prctl(2)); end at once when it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def adapt(name: str) -> None:
    """Install one of the changes beside this file."""
    load(name).install()


def load(name: str) -> Any:
    """Load a module beside this file, under a name that no module of the handler's has."""
    path = os.path.join(os.path.dirname(__file__), f"{name}.py")  # noqa: PTH118, PTH120  (pathlib costs its import)
    spec = importlib.util.spec_from_file_location(f"_objectlens_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_python() -> None:
    """Serve invocations of the handler named by `_HANDLER` until the process is ended.

    The runtime is imported before the function's own files come to the front of the path, as on Lambda: a file named
    `json.py` in the package is the handler's to import, and does not break the runtime.
    """
    from awslambdaric import bootstrap, lambda_runtime_client  # noqa: PLC0415  (only here is it known to be needed)

    adapt("labels")
    adapt("accelerate")
    load("searching").put_first()
    sys.argv = ["bootstrap", os.environ["_HANDLER"]]
    client = lambda_runtime_client.LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    bootstrap.run(os.environ["_HANDLER"], client)


def main(arguments: list[str]) -> None:
    """Do what the module says; without arguments, what comes first was done before a wrapper script was started."""
    if arguments:
        tie_to(int(arguments[0]))
        # What is woken here is not to push the server aside, nor is what it starts (sched(7), nice(2)).
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.nice(5)
        load("confine").apply(arguments[1])
    if command := arguments[2:]:
        try:
            os.execv(command[0], command)  # noqa: S606  (no shell is wanted)
        except OSError as error:
            load("entrypoint").report(command[0], error)
    del sys.path[0]  # the folder of this script
    run_python()


if __name__ == "__main__":
    main(sys.argv[1:])
