"""Provisioned concurrency, and how events are tried again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key() -> list[sa.Column[str]]:
    return [sa.Column(name, NAME, primary_key=True) for name in ("account", "function", "qualifier")]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "provisioned_concurrency",
        *_key(),
        sa.Column("requested", sa.Integer, nullable=False),
        sa.Column("last_modified", sa.Text, nullable=False),
    )
    op.create_table(
        "event_invoke_configs",
        *_key(),
        sa.Column("last_modified", sa.Text, nullable=False),
        sa.Column("retries", sa.Integer),
        sa.Column("age", sa.Integer),
    )
