"""S3 Control: access points, Object Lambda access points, their policies and tags, and the account's settings.

What flows through: parameters of one operation come in, the catalog is read or changed, the result goes out. Nothing
here touches an object. Operations that we do not serve are declined by name in `table`.
"""

from __future__ import annotations

from objectlens.control.s3control.context import S3Control
from objectlens.control.s3control.table import s3control_api

__all__ = ["S3Control", "s3control_api"]
