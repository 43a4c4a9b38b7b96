"""The tables, as the code of this release sees them.

A column that holds a field of an entity has the field's name. How the tables came to be is in
`objectlens/database/migrations`; a test holds the two against each other.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)

from objectlens.catalog.columns import Block, Configuration, Cors, Layers, Listed, Logging, Mapped, Moment, Name

metadata = MetaData()


def _key(name: str) -> Column[str]:
    return Column(name, Name, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _case_insensitive(table: Table) -> None:
    # IAM keeps the case of names and tells them apart without it ("IAM and STS quotas", name requirements).
    Index(f"{table.name}_by_name", table.c.account, func.lower(table.c.name), unique=True)


# One row, counted up in every change: what the read caches of all processes watch.
catalog_version = Table(
    "catalog_version",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

accounts = Table("accounts", metadata, _key("account"), Column("public_access_block", Block))

buckets = Table(
    "buckets",
    metadata,
    _key("name"),
    Column("account", Name, nullable=False, index=True),
    _text("region"),
    Column("created_at", Moment, nullable=False),
    _text("store"),
    Column("policy", Text),
    Column("public_access_block", Block),
    Column("tags", Mapped, nullable=False),
    Column("cors", Cors),
    Column("versioning", Text),
    Column("acl", Text),
    Column("ownership", Text, nullable=False, server_default="BucketOwnerEnforced"),
)

# Access points and Object Lambda access points share one name space: under a custom endpoint their hosts look alike
# (reference section 2.3).
access_point_names = Table("access_point_names", metadata, _key("account"), _key("name"), _text("kind"))

access_points = Table(
    "access_points",
    metadata,
    _key("account"),
    _key("name"),
    _text("region"),
    Column("bucket", Name, ForeignKey("buckets.name", ondelete="RESTRICT"), nullable=False, index=True),
    Column("alias", Name, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    _text("bucket_account"),
    Column("vpc_id", Text),
    Column("policy", Text),
    Column("public_access_block", Block, nullable=False),
    Column("tags", Mapped, nullable=False),
    ForeignKeyConstraint(
        ["account", "name"], ["access_point_names.account", "access_point_names.name"], ondelete="CASCADE"
    ),
)

object_lambda_access_points = Table(
    "object_lambda_access_points",
    metadata,
    _key("account"),
    _key("name"),
    _text("region"),
    Column("alias", Name, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("configuration", Configuration, nullable=False),
    Column("policy", Text),
    Column("public_access_block", Block, nullable=False),
    Column("tags", Mapped, nullable=False),
    Column("configured_at", Moment),
    ForeignKeyConstraint(
        ["account", "name"], ["access_point_names.account", "access_point_names.name"], ondelete="CASCADE"
    ),
)

# The highest version number of each function name, kept when the function goes: numbers are never used again, even
# by a function that is deleted and made anew (Lambda developer guide, "Manage Lambda function versions").
function_numbers = Table(
    "function_numbers", metadata, _key("account"), _key("name"), Column("last", Integer, nullable=False)
)

functions = Table(
    "functions",
    metadata,
    _key("account"),
    _key("name"),
    _key("version"),
    Column("sort_key", Name, nullable=False),
    _text("region"),
    _text("runtime"),
    _text("handler"),
    _text("role"),
    _text("package"),
    _text("code_sha256"),
    Column("code_size", BigInteger, nullable=False),
    Column("last_modified", Moment, nullable=False),
    _text("revision_id"),
    Column("timeout", Integer, nullable=False),
    Column("memory_size", Integer, nullable=False),
    Column("ephemeral_storage", Integer, nullable=False),
    Column("environment", Mapped, nullable=False),
    _text("description"),
    Column("architectures", Listed, nullable=False),
    Column("layers", Layers, nullable=False),
    _text("package_type"),
    Column("reserved_concurrency", Integer),
    Column("policy", Text),
    Column("tags", Mapped, nullable=False),
    Column("logging", Logging, nullable=False, server_default="{}"),
    Column("tracing", Text, nullable=False, server_default="PassThrough"),
    Column("snap_start", Text, nullable=False, server_default="None"),
    Index("functions_in_order", "account", "sort_key"),
)

function_aliases = Table(
    "function_aliases",
    metadata,
    _key("account"),
    _key("function"),
    _key("name"),
    Column("version", Name, nullable=False),
    _text("revision_id"),
    _text("description"),
    Column("weights", Mapped, nullable=False),
    Column("policy", Text),
    Column("updated_at", Moment),
    ForeignKeyConstraint(
        ["account", "function", "version"],
        ["functions.account", "functions.name", "functions.version"],
        ondelete="RESTRICT",
    ),
)

# As of functions: the numbers of a layer are never used again.
layer_numbers = Table("layer_numbers", metadata, _key("account"), _key("name"), Column("last", Integer, nullable=False))

layer_versions = Table(
    "layer_versions",
    metadata,
    _key("account"),
    _key("name"),
    _key("version"),
    Column("sort_key", Name, nullable=False),
    _text("region"),
    _text("package"),
    _text("code_sha256"),
    Column("code_size", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    _text("revision_id"),
    _text("description"),
    _text("license"),
    Column("runtimes", Listed, nullable=False),
    Column("architectures", Listed, nullable=False),
    Column("policy", Text),
    Index("layer_versions_in_order", "account", "sort_key"),
)

# The qualifier is a version or an alias; that it exists is seen to where these are made and where those are removed.
provisioned_concurrency = Table(
    "provisioned_concurrency",
    metadata,
    _key("account"),
    _key("function"),
    _key("qualifier"),
    Column("requested", Integer, nullable=False),
    Column("last_modified", Moment, nullable=False),
)

event_invoke_configs = Table(
    "event_invoke_configs",
    metadata,
    _key("account"),
    _key("function"),
    _key("qualifier"),
    Column("last_modified", Moment, nullable=False),
    Column("retries", Integer),
    Column("age", Integer),
)

users = Table(
    "users",
    metadata,
    _key("account"),
    _key("name"),
    Column("user_id", Name, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("path", Name, nullable=False),
    Column("policies", Mapped, nullable=False),
    Column("attached", Listed, nullable=False),
    Column("boundary", Text),
    Column("tags", Mapped, nullable=False),
)
_case_insensitive(users)

roles = Table(
    "roles",
    metadata,
    _key("account"),
    _key("name"),
    Column("role_id", Name, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    _text("assume_role_policy"),
    Column("path", Name, nullable=False),
    _text("description"),
    Column("max_session", Integer, nullable=False),
    Column("policies", Mapped, nullable=False),
    Column("attached", Listed, nullable=False),
    Column("boundary", Text),
    Column("tags", Mapped, nullable=False),
)
_case_insensitive(roles)

managed_policies = Table(
    "managed_policies",
    metadata,
    _key("account"),
    _key("name"),
    Column("policy_id", Name, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    _text("document"),
    Column("path", Name, nullable=False),
    _text("description"),
    Column("tags", Mapped, nullable=False),
)
_case_insensitive(managed_policies)

access_keys = Table(
    "access_keys",
    metadata,
    _key("access_key_id"),
    _text("secret_access_key"),
    Column("account", Name, nullable=False),
    Column("user_name", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("active", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["account", "user_name"], ["users.account", "users.name"], ondelete="RESTRICT", onupdate="CASCADE"
    ),
    Index("access_keys_by_user", "account", "user_name"),
)
