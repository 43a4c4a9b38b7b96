"""WriteGetObjectResponse: the function delivers (reference section 7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from objectlens.errors import ServiceError, ValidationError
from objectlens.http import HttpRequest, HttpResponse
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.rendezvous import ClientGone
from objectlens.objects.receiving import DEFAULT, Received
from objectlens.s3 import checksums, forwarded
from objectlens.s3.inputs.writing import content_md5
from objectlens.streams import RequestBody


async def write_get_object_response(lens: ObjectLambda, http: HttpRequest, body: RequestBody) -> HttpResponse:
    """Hand the answer over to the waiting GET; 200 and nothing else once its last byte is in.

    Raises `ValidationError` for a token that is not live and for headers that break a rule, and what the body raises
    that breaks off or is not as announced. Unless some of it was passed on, the waiting GET stays open for a better
    answer until the function ends.
    """
    route = lens.rendezvous.find(*forwarded.reply_token(http.headers))
    try:
        answer = forwarded.parse_forwarded(http)
        payload = _proved(http, body)
        if answer.error_code is not None and answer.content_length is None:
            # Whether there is a body shows only now. Nobody would read it, and the function would wait for a reader.
            async for chunk in payload:
                if chunk:
                    raise forwarded.beside_a_body(answer.error_code)
            answer = replace(answer, content_length=0)
    except ServiceError as error:
        route.rejected = error
        raise
    try:
        await route.deliver(answer, payload, answer.content_length)
    except ClientGone:
        raise ValidationError(
            "1 validation error detected: the caller of GetObject is gone, or the 60 seconds for an answer have passed."
        ) from None
    except ServiceError as error:
        route.rejected = error
        raise
    return HttpResponse(200)


def _proved(http: HttpRequest, body: RequestBody) -> AsyncIterator[bytes]:
    """Return the payload, which fails at its end when it has not the checksums that came with it.

    SDKs send none with this operation; one that wraps its bodies may (reference section 7.4).
    """
    announced, md5 = checksums.parse_announced(http.headers), content_md5(http.headers)
    return aiter(body) if announced is None and md5 is None else _compared(body, announced, md5)


async def _compared(
    body: RequestBody, announced: checksums.Announced | None, md5: bytes | None
) -> AsyncIterator[bytes]:
    algorithm = DEFAULT if announced is None else announced.algorithm
    received = Received(body, algorithm, announced, md5, trailers=lambda: body.trailers)
    async for chunk in received:
        yield chunk
    received.checksums()
