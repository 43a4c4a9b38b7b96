"""Cross-origin rules of buckets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.add_column("buckets", sa.Column("cors", sa.Text))
