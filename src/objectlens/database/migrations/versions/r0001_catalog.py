"""The catalog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, NAME, primary_key=True) for name in names]


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _name(name: str, *, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, NAME, nullable=False, unique=unique)


def _integers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def _named() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account", "name"], ["access_point_names.account", "access_point_names.name"], ondelete="CASCADE"
    )


def upgrade() -> None:
    """Make the first tables."""
    version = op.create_table(
        "catalog_version",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "version": 0}])
    op.create_table("accounts", *_key("account"), sa.Column("public_access_block", sa.Text))
    _buckets_and_access_points()
    _functions()
    _principals()


def _buckets_and_access_points() -> None:
    op.create_table(
        "buckets",
        *_key("name"),
        _name("account"),
        *_text("region", "created_at", "store", "tags"),
        sa.Column("policy", sa.Text),
        sa.Column("public_access_block", sa.Text),
    )
    op.create_index("ix_buckets_account", "buckets", ["account"])
    op.create_table("access_point_names", *_key("account", "name"), *_text("kind"))
    op.create_table(
        "access_points",
        *_key("account", "name"),
        *_text("region", "created_at", "bucket_account", "public_access_block", "tags"),
        sa.Column("bucket", NAME, sa.ForeignKey("buckets.name", ondelete="RESTRICT"), nullable=False),
        _name("alias", unique=True),
        sa.Column("vpc_id", sa.Text),
        sa.Column("policy", sa.Text),
        _named(),
    )
    op.create_index("ix_access_points_bucket", "access_points", ["bucket"])
    op.create_table(
        "object_lambda_access_points",
        *_key("account", "name"),
        *_text("region", "created_at", "configuration", "public_access_block", "tags"),
        _name("alias", unique=True),
        sa.Column("policy", sa.Text),
        _named(),
    )


def _functions() -> None:
    op.create_table("function_numbers", *_key("account", "name"), *_integers("last"))
    op.create_table(
        "functions",
        *_key("account", "name", "version"),
        _name("sort_key"),
        *_text("region", "runtime", "handler", "role", "package", "code_sha256", "last_modified", "revision_id"),
        *_text("environment", "description", "architectures", "layers", "package_type", "tags"),
        sa.Column("code_size", sa.BigInteger, nullable=False),
        *_integers("timeout", "memory_size", "ephemeral_storage"),
        sa.Column("reserved_concurrency", sa.Integer),
        sa.Column("policy", sa.Text),
    )
    op.create_index("functions_in_order", "functions", ["account", "sort_key"])
    op.create_table(
        "function_aliases",
        *_key("account", "function", "name"),
        _name("version"),
        *_text("revision_id", "description", "weights"),
        sa.Column("policy", sa.Text),
        sa.ForeignKeyConstraint(
            ["account", "function", "version"],
            ["functions.account", "functions.name", "functions.version"],
            ondelete="RESTRICT",
        ),
    )


def _principals() -> None:
    op.create_table(
        "users",
        *_key("account", "name"),
        _name("user_id", unique=True),
        _name("path"),
        *_text("created_at", "policies", "attached", "tags"),
        sa.Column("boundary", sa.Text),
    )
    op.create_table(
        "roles",
        *_key("account", "name"),
        _name("role_id", unique=True),
        _name("path"),
        *_text("created_at", "assume_role_policy", "description", "policies", "attached", "tags"),
        *_integers("max_session"),
        sa.Column("boundary", sa.Text),
    )
    op.create_table(
        "managed_policies",
        *_key("account", "name"),
        _name("policy_id", unique=True),
        _name("path"),
        *_text("created_at", "document", "description", "tags"),
    )
    for table in ("users", "roles", "managed_policies"):
        op.create_index(f"{table}_by_name", table, ["account", sa.text("lower(name)")], unique=True)
    op.create_table(
        "access_keys",
        *_key("access_key_id"),
        _name("account"),
        _name("user_name"),
        *_text("secret_access_key", "created_at"),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["account", "user_name"], ["users.account", "users.name"], ondelete="RESTRICT", onupdate="CASCADE"
        ),
    )
    op.create_index("access_keys_by_user", "access_keys", ["account", "user_name"])
