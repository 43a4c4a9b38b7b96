"""Request → operation, decided once and before anything is authorised.

What an operation may do is told by its name from here on; no handler looks at the query again to find out what was
asked. What kind of thing the address names (bucket, access point, Object Lambda access point) only the catalog knows,
so that check is a second, separate step: `check_supported`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from objectlens import errors
from objectlens.errors import AccessForbidden, InvalidArgument, MethodNotAllowed
from objectlens.http import HttpRequest
from objectlens.operation import Operation
from objectlens.s3.acl import OWNER_ONLY
from objectlens.s3.address import Address, Level
from objectlens.s3.table import ROWS, SYNONYMS, Row

Kind = Literal["bucket", "access-point", "object-lambda"]

WRITE_GET_OBJECT_RESPONSE: Final = Operation("s3", "WriteGetObjectResponse", "s3-object-lambda:WriteGetObjectResponse")
_REPLY_PATH: Final = "/WriteGetObjectResponse"

OPERATIONS: Final = {row.name: Operation("s3", row.name, f"s3:{row.permission}", row.declined) for row in ROWS} | {
    WRITE_GET_OBJECT_RESPONSE.name: WRITE_GET_OBJECT_RESPONSE
}

# With `versionId` S3 asks for another permission (S3 user guide, "Required permissions for S3 API operations").
_OF_A_VERSION: Final = {
    name: replace(OPERATIONS[name], action=action)
    for name, action in {
        "GetObject": "s3:GetObjectVersion",
        "HeadObject": "s3:GetObjectVersion",
        "DeleteObject": "s3:DeleteObjectVersion",
        "GetObjectAttributes": "s3:GetObjectVersionAttributes",
        "GetObjectTagging": "s3:GetObjectVersionTagging",
        "PutObjectTagging": "s3:PutObjectVersionTagging",
        "DeleteObjectTagging": "s3:DeleteObjectVersionTagging",
        "GetObjectAcl": "s3:GetObjectVersionAcl",
        "PutObjectAcl": "s3:PutObjectVersionAcl",
    }.items()
}

_UPLOADS: Final = frozenset({"PutObject", "PostObject", "CopyObject", "CreateMultipartUpload"})

TRANSFORMABLE: Final = frozenset({"GetObject", "HeadObject", "ListObjects", "ListObjectsV2"})

# What access points accept, and Object Lambda access points with them (reference sections 4.1 and 4.2).
ACCESS_POINT_OPERATIONS: Final = TRANSFORMABLE | frozenset(
    """
    AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject DeleteObjectTagging
    DeleteObjects GetBucketAcl GetBucketCors GetBucketLocation GetBucketNotificationConfiguration GetBucketPolicy
    GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging HeadBucket
    ListMultipartUploads ListObjectVersions ListParts PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention
    PutObjectTagging RestoreObject UploadPart UploadPartCopy
    """.split()  # noqa: SIM905  (twenty-nine quoted names read worse)
)

_BY_QUESTION: Final[dict[tuple[str, Level, str], list[Row]]] = {}
for _row in ROWS:
    _BY_QUESTION.setdefault((_row.method, _row.level, _row.subresource), []).append(_row)

# Which query parameters name a subresource. A read ignores those that cannot be read, for functions take parameters of
# any name (`?select=…`); a write does not, or `PUT /k?torrent` would write an object.
_READABLE: Final = {
    (method, level): frozenset(row.subresource for row in ROWS if (row.method, row.level) == (method, level)) - {""}
    for method in ("GET", "HEAD")
    for level in ("service", "bucket", "object")
}
_KNOWN: Final = {
    level: frozenset(row.subresource for row in ROWS if row.level == level) - {""}
    for level in ("service", "bucket", "object")
}


def match(http: HttpRequest, address: Address) -> Operation:
    """Return the operation that `http` asks for.

    Unknown query parameters, `x-id` among them, mean nothing. Raises `MethodNotAllowed` for a method that the level or
    its subresource does not have, and `InvalidArgument` for a query that names two subresources.
    """
    if is_write_response(http):
        return WRITE_GET_OBJECT_RESPONSE
    query = dict(reversed(http.parameters())) if http.query else {}
    subresource = _subresource(http.method, address.level, query) if query else ""
    row = _row_for(http, address.level, subresource, query)
    if "versionId" in query and row.name in _OF_A_VERSION:
        return _OF_A_VERSION[row.name]
    return OPERATIONS[row.name]


def is_write_response(http: HttpRequest) -> bool:
    """Tell whether this is WriteGetObjectResponse, which arrives on any host (section 7.1).

    An endpoint with a path of its own stands before the operation's path; the token's header then tells.
    """
    if http.method != "POST" or not http.path.endswith(_REPLY_PATH):
        return False
    return http.path == _REPLY_PATH or "x-amz-request-token" in http.headers


def check_supported(operation: Operation, kind: Kind) -> None:
    """Refuse what this kind of resource does not have (405) and what we decline (501, with the reason)."""
    if kind != "bucket" and operation.name not in ACCESS_POINT_OPERATIONS:
        raise MethodNotAllowed(ResourceType=_RESOURCE_TYPES[kind])
    if operation.declined is not None:
        raise errors.NotImplemented(f"{operation.name} is not implemented. {operation.declined}")


_RESOURCE_TYPES: Final = {"access-point": "ACCESS_POINT", "object-lambda": "OBJECT_LAMBDA_ACCESS_POINT"}


def object_lambda_action(operation: Operation) -> str:
    """Return the action that the caller needs on an Object Lambda access point: `s3-object-lambda:GetObject`."""
    return "s3-object-lambda:" + operation.action.partition(":")[2]


def extra_actions(operation: Operation, http: HttpRequest, *, anonymous: bool = False) -> tuple[str, ...]:
    """Return the IAM actions needed beside `operation.action` on the same resource.

    GetObjectAttributes reads the object as well; an upload that carries tags needs the right to tag, one that is to be
    public the right to make it so; a new bucket that is to have ACLs needs the rights to give it some later. Strangers
    have the right to make public what they write, where a bucket lets them write.
    """
    if operation.name == "GetObjectAttributes":
        return ("s3:GetObjectVersion" if "Version" in operation.action else "s3:GetObject",)
    if operation.name == "CreateBucket":
        return _opening(http)
    if operation.name not in _UPLOADS:
        return ()
    tagging = ("s3:PutObjectTagging",) if "x-amz-tagging" in http.headers else ()
    public = not anonymous and (http.headers.get("x-amz-acl") or "private") not in OWNER_ONLY
    return (*tagging, "s3:PutObjectAcl") if public else tagging


def _opening(http: HttpRequest) -> tuple[str, ...]:
    """Return what a new bucket's ownership and ACL need: what they would once the bucket is there."""
    found: tuple[str, ...] = ()
    public = (http.headers.get("x-amz-acl") or "private") not in OWNER_ONLY
    if public or "x-amz-object-ownership" in http.headers:
        found = ("s3:PutBucketOwnershipControls",)
    return (*found, "s3:PutBucketAcl", "s3:PutBucketPublicAccessBlock") if public else found


def canonical_name(name: str) -> str:
    """Return the name under which the table has one of AWS's operation names."""
    return SYNONYMS.get(name, name)


def _subresource(method: str, level: Level, query: dict[str, str]) -> str:
    known = _READABLE.get((method, level), _KNOWN[level])
    found = sorted(name for name in query if name in known)
    # `list-type=1` would be the first version of the listing, which has no parameter for it.
    if "list-type" in found and query["list-type"] != "2":
        found.remove("list-type")
    if len(found) > 1:
        raise InvalidArgument(
            f"Conflicting query string parameters: {', '.join(found)}",
            ArgumentName="ResourceType",
            ArgumentValue=found[0],
        )
    return found[0] if found else ""


def _row_for(http: HttpRequest, level: Level, subresource: str, query: dict[str, str]) -> Row:
    for row in _BY_QUESTION.get((http.method, level, subresource), ()):
        kind, _, header = row.needs.partition(":")
        if not row.needs or (header in http.headers if kind == "header" else row.needs in query):
            _check_part(row, query)
            return row
    if http.method == "OPTIONS":
        raise AccessForbidden(Method="OPTIONS", ResourceType=level.upper())
    raise MethodNotAllowed(Method=http.method, ResourceType=(subresource or level).upper())


def _check_part(row: Row, query: dict[str, str]) -> None:
    # A part without its upload would be written as the whole object.
    if row.method == "PUT" and row.level == "object" and ("partNumber" in query) != ("uploadId" in query):
        missing = "partNumber" if "uploadId" in query else "uploadId"
        raise InvalidArgument(
            f"A part needs both partNumber and uploadId; {missing} is missing.", ArgumentName=missing, ArgumentValue=""
        )
