"""What the operations of this room work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from objectlens.access import Access
from objectlens.catalog import Catalog
from objectlens.clock import Clock
from objectlens.control.protocol import Handler, Permission, Request

Result = Mapping[str, Any]
Run = Callable[["Identity", Request], Awaitable[Result]]
Target = Callable[["Identity", Request], Awaitable[str]]
Keys = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The rooms below, and the account that all of it is about."""

    catalog: Catalog
    access: Access
    clock: Clock
    account: str


def guarded(run: Run, target: Target, keys: Callable[[Request], Keys] | None = None) -> Handler[Identity]:
    """Return a handler that needs `iam:OPERATION` on the ARN that `target` finds.

    The ARN of a user, role or policy holds its path, which only a look-up tells. `keys` are condition keys of the
    operation itself.
    """

    async def needs(identity: Identity, request: Request) -> Sequence[Permission]:
        context = keys(request) if keys is not None else {}
        arn = await target(identity, request)
        return (Permission(action=f"iam:{request.operation}", resource=arn, context=context),)

    return Handler(run, needs)
