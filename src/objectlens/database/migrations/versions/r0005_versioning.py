"""Whether buckets keep versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; NULL is a bucket that never was told to."""
    op.add_column("buckets", sa.Column("versioning", sa.Text))
