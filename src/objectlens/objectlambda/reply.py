"""The function's answer as the caller sees it (reference sections 8.1 and 8.3)."""

from __future__ import annotations

from objectlens.call import Call
from objectlens.http import Headers, HttpResponse
from objectlens.objectlambda.rendezvous import Answer
from objectlens.s3 import xml
from objectlens.s3.headers import encode_value


def render(answer: Answer, call: Call) -> HttpResponse:
    """Return status, headers and body as forwarded; nothing of the source object is added.

    An error code makes an error document; a zero-length body beside it counts as none (section 7.3).
    """
    forwarded = answer.forwarded
    headers = [(name, encode_value(value)) for name, value in forwarded.headers]
    headers += [(f"x-amz-meta-{name}", encode_value(value)) for name, value in forwarded.metadata.items()]
    # A 304 ends with its headers: it has no place for the message that handlers send along with S3's status.
    if forwarded.error_code is not None and forwarded.status != 304:
        document = xml.render_object_lambda_error(forwarded.error_code, forwarded.error_message or "", call.request_id)
        headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
        return HttpResponse(forwarded.status, Headers([*headers, ("Content-Type", xml.CONTENT_TYPE)]), document)
    return HttpResponse(forwarded.status, Headers(headers), answer.body, length=answer.length)
