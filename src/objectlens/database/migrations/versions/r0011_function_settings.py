"""What a function's configuration says of logging, tracing and SnapStart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the columns; functions made until now have what Lambda takes when nothing is said."""
    op.add_column("functions", sa.Column("logging", sa.Text, nullable=False, server_default="{}"))
    op.add_column("functions", sa.Column("tracing", sa.Text, nullable=False, server_default="PassThrough"))
    op.add_column("functions", sa.Column("snap_start", sa.Text, nullable=False, server_default="None"))
