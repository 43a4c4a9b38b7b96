"""One accepted request: a frozen value that carries all that a handler may need."""

from __future__ import annotations

from dataclasses import dataclass

from objectlens.access.values import Caller
from objectlens.catalog.entities import Bucket, Resource
from objectlens.functions.patience import Patience
from objectlens.http import HttpRequest
from objectlens.operation import Operation
from objectlens.s3.address import Address
from objectlens.streams import RequestBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was understood and authenticated; handlers get it once it is authorised too.

    `request_id` is a UUID, sent back as `x-amz-request-id`. `resource` is what the address names, None at service level
    and for a bucket that is to be made; `bucket` is the bucket behind it. `body` is the payload without its framing:
    whoever reads it to the end has had its length, its signed digest and its trailing checksums verified. While it has
    `patience`, all others go first where there is a line.
    """

    request_id: str
    http: HttpRequest
    operation: Operation
    caller: Caller
    address: Address
    resource: Resource | None
    bucket: Bucket | None
    body: RequestBody
    patience: Patience | None = None

    def at(self, resource: Resource, bucket: Bucket, caller: Caller) -> Call:
        """Return the same call as another caller's on another resource."""
        # Every transformed request asks for this: `dataclasses.replace` takes three times as long.
        return Call(
            request_id=self.request_id,
            http=self.http,
            operation=self.operation,
            caller=caller,
            address=self.address,
            resource=resource,
            bucket=bucket,
            body=self.body,
            patience=self.patience,
        )
