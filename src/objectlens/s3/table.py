"""THE TABLE: method, level and subresource → operation.

Every operation of Amazon S3 stands here, served or declined by name; `operations.match` reads it. A row's permission is
the IAM action without its `s3:` prefix (Service Authorization Reference, "Actions defined by Amazon S3").
"""

from __future__ import annotations

from typing import Final, NamedTuple

from objectlens.s3.address import Level

_DIRECTORY = "Directory buckets are not offered; use a general purpose bucket."
_ANALYTICS = "Storage analytics, inventories and metrics configurations are not offered."
_TIERING = "Objects are kept in one tier; storage tiers and lifecycle rules are not offered."
_METADATA = "Metadata tables are not offered; read metadata with HeadObject and ListObjectsV2."
_ANNOTATION = "Object annotations are not offered; use object tags or user metadata."
_ACCELERATE = "Transfer acceleration is not offered; leave the setting out."
_ENCRYPTION = "Encryption at rest is not offered; encrypt the disk that holds the data directory."
_LOGGING = "Delivery of access logs into buckets is not offered; the server writes its own access log."
_NOTIFICATION = "Event notifications are not offered."
_REPLICATION = "Replication is not offered."
_PAYER = "Requester Pays is not offered."
_WEBSITE = "Static websites are not offered."
_ABAC = "Attribute-based access control by bucket tags is not offered."
_LOCK = "Object Lock is not offered."
_TORRENT = "Torrents are not offered."
_SELECT = "SelectObjectContent is not offered; use a transforming function."


class Row(NamedTuple):
    """One way to ask for an operation.

    `needs` is a query parameter or, with `header:` before it, a header that must be there too.
    """

    method: str
    level: Level
    subresource: str
    name: str
    permission: str
    declined: str | None = None
    needs: str = ""


_SERVICE: Final = (
    Row("GET", "service", "", "ListBuckets", "ListAllMyBuckets"),
)  # fmt: skip

_BUCKET: Final = (
    Row("GET", "bucket", "", "ListObjects", "ListBucket"),
    Row("GET", "bucket", "list-type", "ListObjectsV2", "ListBucket"),
    Row("GET", "bucket", "versions", "ListObjectVersions", "ListBucketVersions"),
    Row("GET", "bucket", "uploads", "ListMultipartUploads", "ListBucketMultipartUploads"),
    Row("HEAD", "bucket", "", "HeadBucket", "ListBucket"),
    Row("PUT", "bucket", "", "CreateBucket", "CreateBucket"),
    Row("DELETE", "bucket", "", "DeleteBucket", "DeleteBucket"),
    Row("POST", "bucket", "delete", "DeleteObjects", "DeleteObject"),
    Row("POST", "bucket", "", "PostObject", "PutObject"),
    Row("GET", "bucket", "location", "GetBucketLocation", "GetBucketLocation"),
    Row("GET", "bucket", "policy", "GetBucketPolicy", "GetBucketPolicy"),
    Row("PUT", "bucket", "policy", "PutBucketPolicy", "PutBucketPolicy"),
    Row("DELETE", "bucket", "policy", "DeleteBucketPolicy", "DeleteBucketPolicy"),
    Row("GET", "bucket", "policyStatus", "GetBucketPolicyStatus", "GetBucketPolicyStatus"),
    Row("GET", "bucket", "publicAccessBlock", "GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    Row("PUT", "bucket", "publicAccessBlock", "PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    Row("DELETE", "bucket", "publicAccessBlock", "DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
    Row("GET", "bucket", "tagging", "GetBucketTagging", "GetBucketTagging"),
    Row("PUT", "bucket", "tagging", "PutBucketTagging", "PutBucketTagging"),
    Row("DELETE", "bucket", "tagging", "DeleteBucketTagging", "PutBucketTagging"),
    Row("GET", "bucket", "acl", "GetBucketAcl", "GetBucketAcl"),
    Row("PUT", "bucket", "acl", "PutBucketAcl", "PutBucketAcl"),
    Row("GET", "bucket", "accelerate", "GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    Row("PUT", "bucket", "accelerate", "PutBucketAccelerateConfiguration", "PutAccelerateConfiguration", _ACCELERATE),
    Row("GET", "bucket", "cors", "GetBucketCors", "GetBucketCORS"),
    Row("PUT", "bucket", "cors", "PutBucketCors", "PutBucketCORS"),
    Row("DELETE", "bucket", "cors", "DeleteBucketCors", "PutBucketCORS"),
    Row("GET", "bucket", "encryption", "GetBucketEncryption", "GetEncryptionConfiguration"),
    Row("PUT", "bucket", "encryption", "PutBucketEncryption", "PutEncryptionConfiguration", _ENCRYPTION),
    Row("DELETE", "bucket", "encryption", "DeleteBucketEncryption", "PutEncryptionConfiguration", _ENCRYPTION),
    Row("GET", "bucket", "lifecycle", "GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    Row("PUT", "bucket", "lifecycle", "PutBucketLifecycleConfiguration", "PutLifecycleConfiguration", _TIERING),
    Row("DELETE", "bucket", "lifecycle", "DeleteBucketLifecycle", "PutLifecycleConfiguration", _TIERING),
    Row("GET", "bucket", "logging", "GetBucketLogging", "GetBucketLogging"),
    Row("PUT", "bucket", "logging", "PutBucketLogging", "PutBucketLogging", _LOGGING),
    Row("GET", "bucket", "notification", "GetBucketNotificationConfiguration", "GetBucketNotification"),
    Row("PUT", "bucket", "notification", "PutBucketNotificationConfiguration", "PutBucketNotification", _NOTIFICATION),
    Row("GET", "bucket", "object-lock", "GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    Row("PUT", "bucket", "object-lock", "PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", _LOCK),
    Row("GET", "bucket", "ownershipControls", "GetBucketOwnershipControls", "GetBucketOwnershipControls"),
    Row("PUT", "bucket", "ownershipControls", "PutBucketOwnershipControls", "PutBucketOwnershipControls"),
    Row("DELETE", "bucket", "ownershipControls", "DeleteBucketOwnershipControls", "PutBucketOwnershipControls"),
    Row("GET", "bucket", "replication", "GetBucketReplication", "GetReplicationConfiguration"),
    Row("PUT", "bucket", "replication", "PutBucketReplication", "PutReplicationConfiguration", _REPLICATION),
    Row("DELETE", "bucket", "replication", "DeleteBucketReplication", "PutReplicationConfiguration", _REPLICATION),
    Row("GET", "bucket", "requestPayment", "GetBucketRequestPayment", "GetBucketRequestPayment"),
    Row("PUT", "bucket", "requestPayment", "PutBucketRequestPayment", "PutBucketRequestPayment", _PAYER),
    Row("GET", "bucket", "versioning", "GetBucketVersioning", "GetBucketVersioning"),
    Row("PUT", "bucket", "versioning", "PutBucketVersioning", "PutBucketVersioning"),
    Row("GET", "bucket", "website", "GetBucketWebsite", "GetBucketWebsite"),
    Row("PUT", "bucket", "website", "PutBucketWebsite", "PutBucketWebsite", _WEBSITE),
    Row("DELETE", "bucket", "website", "DeleteBucketWebsite", "DeleteBucketWebsite", _WEBSITE),
    Row("GET", "bucket", "abac", "GetBucketAbac", "GetBucketAbac", _ABAC),
    Row("PUT", "bucket", "abac", "PutBucketAbac", "PutBucketAbac", _ABAC),
    Row("GET", "bucket", "session", "CreateSession", "CreateSession", _DIRECTORY),
)  # fmt: skip

# Four families of numbered configurations: Get, List, Put and Delete of each are told by `id`.
_NUMBERED: Final = tuple(
    row
    for query, name, permission, reason in (
        ("analytics", "Analytics", "AnalyticsConfiguration", _ANALYTICS),
        ("intelligent-tiering", "IntelligentTiering", "IntelligentTieringConfiguration", _TIERING),
        ("inventory", "Inventory", "InventoryConfiguration", _ANALYTICS),
        ("metrics", "Metrics", "MetricsConfiguration", _ANALYTICS),
    )
    for row in (
        Row("GET", "bucket", query, f"GetBucket{name}Configuration", f"Get{permission}", reason, "id"),
        Row("GET", "bucket", query, f"ListBucket{name}Configurations", f"Get{permission}", reason),
        Row("PUT", "bucket", query, f"PutBucket{name}Configuration", f"Put{permission}", reason),
        Row("DELETE", "bucket", query, f"DeleteBucket{name}Configuration", f"Put{permission}", reason),
    )
)

# Both generations of metadata configurations share the permissions of the older one.
_TABLES: Final = tuple(
    Row(method, "bucket", query, f"{verb}BucketMetadata{name}Configuration", f"{verb}BucketMetadata{old}", _METADATA)
    for query, name, old, verbs in (
        ("metadataConfiguration", "", "TableConfiguration", "POST=Create GET=Get DELETE=Delete"),
        ("metadataTable", "Table", "TableConfiguration", "POST=Create GET=Get DELETE=Delete"),
        ("metadataAnnotationTable", "AnnotationTable", "AnnotationTableConfiguration", "PUT=Update"),
        ("metadataInventoryTable", "InventoryTable", "InventoryTableConfiguration", "PUT=Update"),
        ("metadataJournalTable", "JournalTable", "JournalTableConfiguration", "PUT=Update"),
    )
    for method, verb in (pair.split("=") for pair in verbs.split())
)

_OBJECT: Final = (
    Row("GET", "object", "", "GetObject", "GetObject"),
    Row("HEAD", "object", "", "HeadObject", "GetObject"),
    Row("PUT", "object", "", "CopyObject", "PutObject", None, "header:x-amz-copy-source"),
    Row("PUT", "object", "", "PutObject", "PutObject"),
    Row("DELETE", "object", "", "DeleteObject", "DeleteObject"),
    Row("GET", "object", "attributes", "GetObjectAttributes", "GetObjectAttributes"),
    Row("GET", "object", "tagging", "GetObjectTagging", "GetObjectTagging"),
    Row("PUT", "object", "tagging", "PutObjectTagging", "PutObjectTagging"),
    Row("DELETE", "object", "tagging", "DeleteObjectTagging", "DeleteObjectTagging"),
    Row("GET", "object", "acl", "GetObjectAcl", "GetObjectAcl"),
    Row("PUT", "object", "acl", "PutObjectAcl", "PutObjectAcl"),
    Row("GET", "object", "legal-hold", "GetObjectLegalHold", "GetObjectLegalHold"),
    Row("PUT", "object", "legal-hold", "PutObjectLegalHold", "PutObjectLegalHold"),
    Row("GET", "object", "retention", "GetObjectRetention", "GetObjectRetention"),
    Row("PUT", "object", "retention", "PutObjectRetention", "PutObjectRetention"),
    Row("POST", "object", "restore", "RestoreObject", "RestoreObject"),
    Row("POST", "object", "uploads", "CreateMultipartUpload", "PutObject"),
    Row("PUT", "object", "uploadId", "UploadPartCopy", "PutObject", None, "header:x-amz-copy-source"),
    Row("PUT", "object", "uploadId", "UploadPart", "PutObject"),
    Row("POST", "object", "uploadId", "CompleteMultipartUpload", "PutObject"),
    Row("DELETE", "object", "uploadId", "AbortMultipartUpload", "AbortMultipartUpload"),
    Row("GET", "object", "uploadId", "ListParts", "ListMultipartUploadParts"),
    Row("POST", "object", "select", "SelectObjectContent", "GetObject", _SELECT),
    Row("GET", "object", "torrent", "GetObjectTorrent", "GetObjectTorrent", _TORRENT),
    Row("PUT", "object", "renameObject", "RenameObject", "CreateSession", _DIRECTORY),
    Row("PUT", "object", "encryption", "UpdateObjectEncryption", "UpdateObjectEncryption", _ENCRYPTION),
    Row("GET", "object", "annotation", "GetObjectAnnotation", "GetObjectAnnotation", _ANNOTATION, "annotationName"),
    Row("GET", "object", "annotation", "ListObjectAnnotations", "ListObjectAnnotations", _ANNOTATION),
    Row("PUT", "object", "annotation", "PutObjectAnnotation", "PutObjectAnnotation", _ANNOTATION),
    Row("DELETE", "object", "annotation", "DeleteObjectAnnotation", "DeleteObjectAnnotation", _ANNOTATION),
)  # fmt: skip

ROWS: Final = _SERVICE + _BUCKET + _NUMBERED + _TABLES + _OBJECT

# Names that AWS keeps for older or other clients; on the wire they are the operation on the right.
SYNONYMS: Final = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    # Told only by its own endpoint, `s3express-control`, which no request to us has.
    "ListDirectoryBuckets": "ListBuckets",
}
