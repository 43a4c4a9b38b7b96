"""What a request says, parsed once into frozen values; a bad argument raises S3's error for it.

One value for each operation or family of operations. `parse` reads the query and the headers; values that come in a
body have `parse(http, body)`. Keys and buckets are the `Address`'s, not repeated here.
"""

from objectlens.s3.inputs.acl import wanted_acl, wanted_ownership
from objectlens.s3.inputs.buckets import CreateBucket, PublicAccessFlags
from objectlens.s3.inputs.checks import check_bucket_owner, check_customer_keys
from objectlens.s3.inputs.copying import CopyObject, CopySource, UploadPartCopy
from objectlens.s3.inputs.deleting import DeleteObject, DeleteObjects, ObjectName
from objectlens.s3.inputs.forms import PostObject, filled_in, redirected
from objectlens.s3.inputs.listing import ListBuckets, ListObjects, ListUploads, ListVersions, new_token
from objectlens.s3.inputs.multipart import (
    CompletedPart,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    ListParts,
    UploadPart,
    upload_id,
)
from objectlens.s3.inputs.reading import WHOLE, ReadAttributes, ReadObject, version_id
from objectlens.s3.inputs.tagging import parse_tagging, parse_tagging_header
from objectlens.s3.inputs.versioning import parse_versioning
from objectlens.s3.inputs.writing import Kept, PutObject

__all__ = [
    "WHOLE",
    "CompleteMultipartUpload",
    "CompletedPart",
    "CopyObject",
    "CopySource",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "Kept",
    "ListBuckets",
    "ListObjects",
    "ListParts",
    "ListUploads",
    "ListVersions",
    "ObjectName",
    "PostObject",
    "PublicAccessFlags",
    "PutObject",
    "ReadAttributes",
    "ReadObject",
    "UploadPart",
    "UploadPartCopy",
    "check_bucket_owner",
    "check_customer_keys",
    "filled_in",
    "new_token",
    "parse_tagging",
    "parse_tagging_header",
    "parse_versioning",
    "redirected",
    "upload_id",
    "version_id",
    "wanted_acl",
    "wanted_ownership",
]
