"""GETs that the server does for a caller whose request is in work: the members of a batch, the keys of a prefetch.

An errand walks the corridor from the caller on, so it is authorised, logged and answered as if the caller had sent it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from objectlens.access import Caller
from objectlens.arn import Arn
from objectlens.errors import InvalidArgument, KeyTooLongError, MalformedXML
from objectlens.gateway.connection import close_body
from objectlens.http import Headers, HttpRequest, HttpResponse
from objectlens.objectlambda.metered import JOB
from objectlens.s3 import xml
from objectlens.s3.address import MAX_KEY_BYTES, Address, Service

_ACCESS_POINTS: Mapping[str, Service] = {"s3-object-lambda": "s3-object-lambda", "s3": "s3-accesspoint"}
# Policies may ask for the first two of the caller's own request; what its objects take is its job's.
_KEPT_HEADERS = ("User-Agent", "Referer", JOB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bucket or an access point as users name it: by name, alias or ARN."""

    text: str
    name: str
    account: str | None = None
    service: Service = "s3"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Take a name apart; raises `InvalidArgument`."""
        if not text.startswith("arn:"):
            if not text or "/" in text:
                raise InvalidArgument(f"{text!r} is neither a bucket's name nor an alias nor an ARN.")
            return cls(text=text, name=text)
        try:
            arn = Arn.parse(text)
        except ValueError as error:
            raise InvalidArgument(f"{error}.") from None
        name, service = arn.named("accesspoint"), _ACCESS_POINTS.get(arn.service)
        if service is not None and name is not None and "/" not in name:
            return cls(text=text, name=name, account=arn.account, service=service)
        if arn.service == "s3" and not arn.account and "/" not in arn.resource:
            return cls(text=text, name=arn.resource)
        raise InvalidArgument(f"{text!r} is the ARN of neither a bucket nor an access point.")

    def address(self, key: str) -> Address:
        """Return the address of an object; raises `KeyTooLongError`, and `InvalidArgument` for what is no key."""
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidArgument("A key has characters that UTF-8 cannot hold.", ArgumentName="key") from None
        if not size:
            raise InvalidArgument("A key is empty.", ArgumentName="key")
        if size > MAX_KEY_BYTES:
            raise KeyTooLongError(Size=str(size), MaxSizeAllowed=str(MAX_KEY_BYTES))
        return Address("object", self.name, key, self.account, self.service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object to get: `arguments` become parameters of the query, `headers` are added."""

    place: Place
    key: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, outer: HttpRequest) -> HttpRequest:
        """Return the GET as the caller of `outer` would have sent it."""
        kept = [(name, value) for name in _KEPT_HEADERS if (value := outer.headers.get(name)) is not None]
        return HttpRequest(
            method="GET",
            path=f"/{quote(self.place.name)}/{quote(self.key, safe='/-_.~')}",
            query="&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in self.arguments.items()),
            headers=Headers([*kept, *self.headers.items()]),
            host=outer.host,
            scheme=outer.scheme,
            peer=outer.peer,
        )


class Errands(Protocol):
    """Does errands; the corridor is one."""

    def errand(
        self, outer: HttpRequest, caller: Caller, target: Target, *, spare: bool = False
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """Get an object for a caller; whatever goes wrong is an answer too. The body is closed at the end.

        A `spare` errand waits until live requests leave room for it, as long as it takes; raises `ServiceUnavailable`
        when the server stops meanwhile.
        """
        ...


class Counted:
    """A body that comes piece by piece, and how many bytes of it have been taken: no answer need tell before."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self.taken = 0
        self._body = body

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._body)
        self.taken += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Stop reading."""
        await close_body(self._body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an errand brought nothing: an HTTP status and S3's code and message.

    `retry_after` is in seconds, 0 when the answer does not say when it would be another one.
    """

    status: int
    code: str
    message: str
    request_id: str = ""
    retry_after: int = 0

    @classmethod
    def of(cls, answer: HttpResponse) -> Fault | None:
        """Return what went wrong, None for an answer that is the object."""
        if answer.status == 200:
            return None
        code = message = None
        with contextlib.suppress(MalformedXML):
            # A function may answer with an error that is no document of S3's.
            document = xml.parse(answer.body if isinstance(answer.body, bytes) else b"", "Error")
            code, message = xml.text_of(document, "Code"), xml.text_of(document, "Message")
        after = answer.headers.get("retry-after") or ""
        return cls(
            status=answer.status,
            retry_after=int(after) if after.isascii() and after.isdigit() else 0,
            code=code or f"Status{answer.status}",
            message=message or f"The answer had the status {answer.status}.",
            request_id=answer.headers.get("x-amz-request-id") or "",
        )

    def told(self) -> dict[str, str | int]:
        """Return it as members of a JSON object."""
        return {"status": self.status, "code": self.code, "message": self.message, "request_id": self.request_id}
