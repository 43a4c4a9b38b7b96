"""What the runtime is told when it is built: limits, surroundings, credentials."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from objectlens.catalog.entities import Function
from objectlens.functions.reception import Entrances


class Credentials(NamedTuple):
    """The temporary credentials of a function's role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


_Triple = tuple[str, str, str]
CredentialSource = Callable[[Function], _Triple | Awaitable[_Triple]]
"""Makes credentials for a function: access key id, secret, session token; a plain triple will do."""


LONGEST_TIMEOUT = 900
"""The most seconds that a function's timeout may be (Lambda quotas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may run at once, and how long anything may take; times in seconds, sizes in bytes.

    `environments` bounds the processes of all functions together, `per_function` those of one function version, and
    `starting` how many may be starting at one time (more than there are cores only makes each of them slower).
    `queue` and `queue_seconds` bound the waiting of one function version. `init_seconds` is what initialisation may
    take before it counts against the function's own timeout. `age_seconds` retires an environment whose role
    credentials grow old. `templates` bounds the processes that environments are forked from (0: none, every environment
    starts from nothing); one that was not used for `template_idle_seconds` ends. `prepare_seconds` is what an
    invocation waits for a runtime to be made ready on this machine, once, before any of the other times begins.
    Every `spare_seconds` an idle environment ends that `scaling` does not find worth keeping. `kill_seconds` is the
    time between SIGTERM and SIGKILL. `cores` is the number of processors that functions share, and `concurrency` how
    many invocations of one account may be in work, waiting ones included.
    """

    environments: int = 32
    per_function: int = 16
    concurrency: int = 1000
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    starting: int = 4
    queue: int = 1000
    queue_seconds: float = 55.0
    idle_seconds: float = 600.0
    spare_seconds: float = 10.0
    age_seconds: float = 6 * 3600.0
    init_seconds: float = 10.0
    settle_seconds: float = 2.0
    prepare_seconds: float = 50.0
    kill_seconds: float = 0.5
    templates: int = 32
    template_idle_seconds: float = 3600.0
    log_bytes: int = 8 * 1024 * 1024
    log_files: int = 4

    @property
    def credentials_seconds(self) -> float:
        """How long credentials must last for nobody to lose them in the middle of an invocation.

        Clients that a handler's module made have those of its template. When that is as old as it may become, it is
        forked once more; when the fork is, somebody is given the last invocation, and may use all of his timeout.
        """
        initialising = self.init_seconds + LONGEST_TIMEOUT
        return 2 * (initialising + self.age_seconds + self.spare_seconds) + LONGEST_TIMEOUT

    @property
    def provisionable(self) -> int:
        """How many environments may be kept ready; the rest is for functions that have none."""
        return self.environments * 3 // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """How host names of AWS's services lead to this one from within a function (see `labels`, `hosts`).

    `tls_url` is where this service speaks TLS, on loopback. `authority` is a PEM file of the certificate that signs its
    own, `bundle` one of that and the machine's usual roots. `route` and `account` are labels that SDKs put before
    hosts: that of WriteGetObjectResponse, and the account's number. `address`, when there is one, is a loopback address
    at whose ports 443 and 80 this service answers as well.
    """

    tls_url: str
    authority: Path
    bundle: Path
    route: str
    account: str
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where environments live.

    `folder` holds packages, logs and private temporary directories. `endpoint_url` is this service's own address as
    functions reach it, without a trailing slash; without `capture`, AWS's host names are AWS's. `python` is the
    interpreter that runs Python handlers, `pythons` where others are, see `python.find_interpreter`. `node_modules`
    says where the AWS SDK of Node.js functions comes from: `install`, `none`, or the path of a `node_modules`.
    `isolation` is the mode, see `isolation`; `processors` says whether MemorySize gives a function a share of the
    processors or is the limit of it. `entrances` is how functions without a network reach this service.
    """

    folder: Path
    endpoint_url: str
    capture: Capture | None = None
    region: str
    python: str
    node_modules: str = "install"
    pythons: tuple[str, ...] = ()
    isolation: Literal["auto", "off", "strict"] = "off"
    processors: Literal["share", "limit"] = "share"
    entrances: Entrances | None = None
