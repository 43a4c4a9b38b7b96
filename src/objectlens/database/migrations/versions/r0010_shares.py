"""What each of several servers may use of a budget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "budget_shares",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("server", NAME, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("invocations", "memory_mb_ms", "bytes_out")),
        *(
            sa.Column(f"{name}_share", sa.BigInteger, nullable=False)
            for name in ("invocations", "memory_mb_ms", "bytes_out")
        ),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
