"""The tables of this room; how they came to be is in `objectlens/database/migrations`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from objectlens.metering.rows import SUMS

metadata = MetaData()

# Compared byte by byte everywhere, whatever the locale of the database.
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

# One row for each key in each span of time: minutes, hours or days, by `seconds`.
usage = Table(
    "usage",
    metadata,
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Name, primary_key=True) for name in ("function", "version", "access_point", "caller", "job")),
    Column("runtime", Name, primary_key=True),
    Column("memory_size", Integer, primary_key=True, autoincrement=False),
    Column("cold", Boolean, primary_key=True, autoincrement=False),
    Column("cache", Name, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
    Index("usage_by_start", "start"),
)

# How many times each process has written its sums: what a write counts up in its own transaction, so that one whose
# outcome was not heard of can be tried again without counting anything twice.
usage_writers = Table(
    "usage_writers",
    metadata,
    Column("writer", Name, primary_key=True),
    Column("written", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# `kind` is caller or access-point, `subject` its ARN, `period` day or month; a limit is NULL where there is none.
budgets = Table(
    "budgets",
    metadata,
    Column("name", Name, primary_key=True),
    *(Column(name, Name, nullable=False) for name in ("kind", "subject", "period")),
    *(Column(name, BigInteger) for name in ("invocations", "memory_mb_ms", "bytes_out")),
    Column("warn_percent", Integer, nullable=False),
)

# What was used of a budget by all servers in the period that began at `start`.
budget_uses = Table(
    "budget_uses",
    metadata,
    Column("name", Name, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False) for name in ("invocations", "memory_mb_ms", "bytes_out")),
    Column("warned", Boolean, nullable=False),
)

# Of several servers: what each of them used itself, as far as it has written it, and what it may use beyond that until
# it writes again. `until` is when it stops to do so, Unix time.
budget_shares = Table(
    "budget_shares",
    metadata,
    Column("name", Name, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("server", Name, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("invocations", "memory_mb_ms", "bytes_out")),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("invocations_share", "memory_mb_ms_share", "bytes_out_share")
    ),
    Column("until", BigInteger, nullable=False),
)
