"""Layers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, NAME, primary_key=True) for name in names]


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables of layers. What functions refer to needs no change: until now there were no layers."""
    op.create_table("layer_numbers", *_key("account", "name"), sa.Column("last", sa.Integer, nullable=False))
    op.create_table(
        "layer_versions",
        *_key("account", "name", "version"),
        sa.Column("sort_key", NAME, nullable=False),
        *_text("region", "package", "code_sha256", "created_at", "revision_id", "description", "license"),
        *_text("runtimes", "architectures"),
        sa.Column("code_size", sa.BigInteger, nullable=False),
        sa.Column("policy", sa.Text),
    )
    op.create_index("layer_versions_in_order", "layer_versions", ["account", "sort_key"])
