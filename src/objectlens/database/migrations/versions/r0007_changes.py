"""When a configuration or an alias was changed: what is derived through it is as new as that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; of what is there already, it is not known."""
    op.add_column("object_lambda_access_points", sa.Column("configured_at", sa.Text))
    op.add_column("function_aliases", sa.Column("updated_at", sa.Text))
