"""What the operations work with, and how they find what they are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from objectlens.access.values import Caller
from objectlens.catalog import Catalog
from objectlens.catalog.entities import AccessPoint, ObjectLambdaAccessPoint
from objectlens.clock import Clock
from objectlens.control.protocol import Request
from objectlens.errors import AccessDenied, NoSuchAccessPoint
from objectlens.functions import Remotes
from objectlens.transforms.terms import Programs, Terms

P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Control:
    """The catalog, the clock, the region of requests that name none, where functions of others run, and pipelines."""

    catalog: Catalog
    clock: Clock
    region: str
    remotes: Remotes = field(default_factory=Remotes)
    programs: Programs = field(default_factory=lambda: Programs(Terms()))

    def region_of(self, caller: Caller) -> str:
        """Return the region that a new resource is in: the one that its creator's client works in, as on AWS."""
        return caller.signature.region if caller.signature is not None else self.region

    async def access_point(self, request: Request) -> AccessPoint:
        """Return the access point that a request names; raises `NoSuchAccessPoint`."""
        name = request.params["Name"]
        found = await self.catalog.access_points.get(request.params["AccountId"], name)
        return _there(found, name)

    async def object_lambda(self, request: Request) -> ObjectLambdaAccessPoint:
        """Return the Object Lambda access point that a request names; raises `NoSuchAccessPoint`."""
        name = request.params["Name"]
        found = await self.catalog.object_lambda_access_points.get(request.params["AccountId"], name)
        return _there(found, name)


def _there(point: P | None, name: str) -> P:
    if point is None:
        raise NoSuchAccessPoint(AccessPointName=name)
    return point


def admit(request: Request) -> None:
    """Refuse requests about another account (reference section 12.5)."""
    account = request.params["AccountId"]
    if account != request.caller.account:
        raise AccessDenied(
            f"Access Denied: x-amz-account-id is {account}, but your credentials are of the account "
            f"{request.caller.account}. Give that as the account id; access points of others cannot be managed."
        )
