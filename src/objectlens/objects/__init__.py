"""Plain S3 over stores: one function for each operation, named as AWS names it.

What flows through: a `Call` that was understood, authenticated and authorised comes in, an `HttpResponse` goes out.
`OPERATIONS` names every operation that is served. Authorisation that only the body or the object can tell of (the keys
of DeleteObjects, a copy's source, whether a caller may learn that a key is missing) is asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping

from objectlens.objects import (
    acls,
    buckets,
    completing,
    copying,
    cors,
    deleting,
    describing,
    forms,
    get,
    listing,
    multipart,
    policies,
    put,
    tagging,
    uploads,
    versioning,
)
from objectlens.objects.context import Handler, Objects
from objectlens.objects.finding import existing_tags
from objectlens.objects.guarding import guarded
from objectlens.s3.outputs_bucket import UNSET_OPERATIONS

_HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(UNSET_OPERATIONS, describing.not_set),
    "AbortMultipartUpload": multipart.abort_multipart_upload,
    "CompleteMultipartUpload": completing.complete_multipart_upload,
    "CopyObject": copying.copy_object,
    "CreateBucket": buckets.create_bucket,
    "CreateMultipartUpload": multipart.create_multipart_upload,
    "DeleteBucket": buckets.delete_bucket,
    "DeleteBucketCors": cors.delete_bucket_cors,
    "DeleteBucketPolicy": policies.delete_bucket_policy,
    "DeleteBucketTagging": tagging.delete_bucket_tagging,
    "DeleteObject": deleting.delete_object,
    "DeleteObjectTagging": tagging.delete_object_tagging,
    "DeleteObjects": deleting.delete_objects,
    "DeleteBucketOwnershipControls": acls.delete_bucket_ownership_controls,
    "DeletePublicAccessBlock": policies.delete_public_access_block,
    "GetBucketAcl": acls.get_bucket_acl,
    "GetBucketCors": cors.get_bucket_cors,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketOwnershipControls": acls.get_bucket_ownership_controls,
    "GetBucketPolicy": policies.get_bucket_policy,
    "GetBucketPolicyStatus": policies.get_bucket_policy_status,
    "GetBucketTagging": tagging.get_bucket_tagging,
    "GetBucketVersioning": versioning.get_bucket_versioning,
    "GetObject": get.get_object,
    "GetObjectAcl": acls.get_object_acl,
    "GetObjectAttributes": describing.get_object_attributes,
    "GetObjectTagging": tagging.get_object_tagging,
    "GetPublicAccessBlock": policies.get_public_access_block,
    "HeadBucket": buckets.head_bucket,
    "HeadObject": get.head_object,
    "ListBuckets": buckets.list_buckets,
    "ListMultipartUploads": uploads.list_multipart_uploads,
    "ListObjectVersions": versioning.list_object_versions,
    "ListObjects": listing.list_objects,
    "ListObjectsV2": listing.list_objects,
    "ListParts": uploads.list_parts,
    "PostObject": forms.post_object,
    "PutBucketAcl": acls.put_bucket_acl,
    "PutBucketCors": cors.put_bucket_cors,
    "PutBucketOwnershipControls": acls.put_bucket_ownership_controls,
    "PutBucketPolicy": policies.put_bucket_policy,
    "PutBucketTagging": tagging.put_bucket_tagging,
    "PutBucketVersioning": versioning.put_bucket_versioning,
    "PutObject": put.put_object,
    "PutObjectAcl": acls.put_object_acl,
    "PutObjectTagging": tagging.put_object_tagging,
    "PutPublicAccessBlock": policies.put_public_access_block,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": copying.upload_part_copy,
}

OPERATIONS: Mapping[str, Handler] = {name: guarded(handler) for name, handler in _HANDLERS.items()}

__all__ = ["OPERATIONS", "Handler", "Objects", "existing_tags"]
