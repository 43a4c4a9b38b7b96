"""WriteGetObjectResponse: the function delivers (reference section 7)."""

from __future__ import annotations

from objectlens.errors import ServiceError, ValidationError
from objectlens.http import HttpRequest, HttpResponse
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.rendezvous import ClientGone
from objectlens.s3 import forwarded
from objectlens.streams import RequestBody


async def write_get_object_response(lens: ObjectLambda, http: HttpRequest, body: RequestBody) -> HttpResponse:
    """Hand the answer over to the waiting GET; 200 and nothing else once its last byte is in.

    Raises `ValidationError` for a token that is not live and for headers that break a rule; the waiting GET then stays
    open for a better answer until the function ends.
    """
    route = lens.rendezvous.find(*forwarded.reply_token(http.headers))
    try:
        answer = forwarded.parse_forwarded(http)
    except ValidationError as error:
        route.rejected = error
        raise
    try:
        await route.deliver(answer, aiter(body), answer.content_length)
    except ClientGone:
        raise ValidationError(
            "1 validation error detected: the caller of GetObject is gone, or the 60 seconds for an answer have passed."
        ) from None
    except ServiceError as error:
        route.rejected = ValidationError(error.message)
        raise
    return HttpResponse(200)
