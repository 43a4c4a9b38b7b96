"""PutBucketVersioning."""

from __future__ import annotations

from typing import Literal

from objectlens import errors
from objectlens.s3.xml import parse, text_of

Versioning = Literal["Enabled", "Suspended"]


def parse_versioning(body: bytes) -> Versioning:
    """Read a `VersioningConfiguration`.

    Raises `MalformedXML`, `IllegalVersioningConfigurationException` for one that says nothing, and `NotImplemented` for
    MFA delete.
    """
    root = parse(body, "VersioningConfiguration")
    status, mfa = text_of(root, "Status"), text_of(root, "MfaDelete")
    if mfa == "Enabled":
        raise errors.NotImplemented(
            "MFA delete is not offered, for nobody signs in here with a second factor. Leave MfaDelete out, and deny "
            "s3:DeleteObjectVersion and s3:PutBucketVersioning in the bucket's policy to all who should not have them."
        )
    if mfa not in {None, "", "Disabled"}:
        raise errors.MalformedXML
    if not status:
        raise errors.IllegalVersioningConfigurationException
    if status not in {"Enabled", "Suspended"}:
        raise errors.MalformedXML
    return "Enabled" if status == "Enabled" else "Suspended"
