"""Who owns what is in a bucket, and whether ACLs count there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; the buckets that had an ACL until now had S3's first kind of ownership."""
    op.add_column("buckets", sa.Column("ownership", sa.Text, nullable=False, server_default="BucketOwnerEnforced"))
    op.execute("UPDATE buckets SET ownership = 'ObjectWriter' WHERE acl IS NOT NULL")
