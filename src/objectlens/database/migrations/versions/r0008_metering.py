"""What was used, and budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0005"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, NAME, primary_key=True) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables of the meter."""
    op.create_table(
        "usage",
        sa.Column("seconds", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        *_key("function", "version", "access_point", "caller", "job", "runtime"),
        sa.Column("memory_size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cold", sa.Boolean, primary_key=True, autoincrement=False),
        *_key("cache"),
        *_counts("requests", "invocations", "errors", "duration_us", "billed_duration_ms", "memory_mb_ms", "init_us"),
        *_counts("cpu_us", "bytes_in", "bytes_out", "peak_mb"),
    )
    op.create_index("usage_by_start", "usage", ["start"])
    op.create_table("usage_writers", *_key("writer"), *_counts("written", "at"))
    op.create_table(
        "budgets",
        *_key("name"),
        *(sa.Column(name, NAME, nullable=False) for name in ("kind", "subject", "period")),
        *(sa.Column(name, sa.BigInteger) for name in ("invocations", "memory_mb_ms", "bytes_out")),
        sa.Column("warn_percent", sa.Integer, nullable=False),
    )
    op.create_table(
        "budget_uses",
        *_key("name"),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        *_counts("invocations", "memory_mb_ms", "bytes_out"),
        sa.Column("warned", sa.Boolean, nullable=False),
    )
