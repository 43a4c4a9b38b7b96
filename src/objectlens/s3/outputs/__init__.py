"""Values → the XML documents that S3 answers with.

Element order is S3's. `xml()` of each value, and each function, returns the whole document. Documents about a bucket
itself are in `outputs_bucket`, those of multipart uploads in `outputs_multipart`.
"""

from objectlens.s3.outputs.elements import STANDARD, Owner, checksum_elements, prefix_elements, writer
from objectlens.s3.outputs.listing import (
    BucketItem,
    Item,
    ListBucketResult,
    ListVersionsResult,
    VersionItem,
    list_buckets_result,
)
from objectlens.s3.outputs.objects import (
    Deleted,
    DeleteFailure,
    ObjectAttributes,
    copy_result,
    delete_result,
    post_response,
    tagging,
)

__all__ = [
    "STANDARD",
    "BucketItem",
    "DeleteFailure",
    "Deleted",
    "Item",
    "ListBucketResult",
    "ListVersionsResult",
    "ObjectAttributes",
    "Owner",
    "VersionItem",
    "checksum_elements",
    "copy_result",
    "delete_result",
    "list_buckets_result",
    "post_response",
    "prefix_elements",
    "tagging",
    "writer",
]
