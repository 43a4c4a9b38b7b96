"""How values are kept in columns: names, moments, and documents as JSON text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text, TypeDecorator
from sqlalchemy.dialects import postgresql

from objectlens.catalog.entities import (
    LayerReference,
    LoggingConfig,
    ObjectLambdaConfiguration,
    PublicAccessBlock,
    Transformation,
)
from objectlens.s3.cors import CorsRule

# Listings page through names in the order of their bytes, as AWS's do. SQLite compares bytes unless told otherwise;
# PostgreSQL follows the locale of the database unless told otherwise.
Name = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """A time in UTC to the microsecond, as text that sorts by time and that a person can read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Write `2026-11-23T01:02:03.000004+00:00`."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Any) -> datetime | None:
        """Read it back, aware."""
        return None if value is None else datetime.fromisoformat(value)


class Document(TypeDecorator[Any]):
    """A value as JSON text: `dump` makes plain JSON values of it, `load` makes the value again."""

    impl = Text
    cache_ok = False

    def __init__(self, dump: Callable[[Any], Any], load: Callable[[Any], Any]) -> None:
        super().__init__()
        self._dump, self._load = dump, load

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Write compact JSON."""
        return None if value is None else json.dumps(self._dump(value), separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Read the value back."""
        return None if value is None else self._load(json.loads(value))


def _dump_block(block: PublicAccessBlock) -> dict[str, bool]:
    return {
        "block_public_acls": block.block_public_acls,
        "ignore_public_acls": block.ignore_public_acls,
        "block_public_policy": block.block_public_policy,
        "restrict_public_buckets": block.restrict_public_buckets,
    }


def _dump_configuration(value: ObjectLambdaConfiguration) -> dict[str, Any]:
    return {
        "supporting_access_point": value.supporting_access_point,
        "cloudwatch_metrics_enabled": value.cloudwatch_metrics_enabled,
        "allowed_features": sorted(value.allowed_features),
        "transformations": [
            {
                "actions": sorted(one.actions),
                "function_arn": one.function_arn,
                "function_payload": one.function_payload,
            }
            for one in value.transformations
        ],
    }


def _load_configuration(value: dict[str, Any]) -> ObjectLambdaConfiguration:
    transformations = tuple(
        Transformation(
            actions=frozenset(one["actions"]),
            function_arn=one["function_arn"],
            function_payload=one["function_payload"],
        )
        for one in value["transformations"]
    )
    return ObjectLambdaConfiguration(
        supporting_access_point=value["supporting_access_point"],
        cloudwatch_metrics_enabled=value["cloudwatch_metrics_enabled"],
        allowed_features=frozenset(value["allowed_features"]),
        transformations=transformations,
    )


def _dump_layers(value: tuple[LayerReference, ...]) -> list[dict[str, Any]]:
    return [{"arn": one.arn, "package": one.package, "code_size": one.code_size} for one in value]


def _dump_cors(rules: tuple[CorsRule, ...]) -> list[dict[str, Any]]:
    return [asdict(rule) for rule in rules]


def _load_cors(values: list[dict[str, Any]]) -> tuple[CorsRule, ...]:
    lists = ("origins", "methods", "headers", "exposed")
    return tuple(CorsRule(**{**one, **{name: tuple(one[name]) for name in lists}}) for one in values)


Mapped = Document(dict, dict)
Listed = Document(list, tuple)
Layers = Document(_dump_layers, lambda value: tuple(LayerReference(**one) for one in value))
Logging = Document(asdict, lambda value: LoggingConfig(**value))
Block = Document(_dump_block, lambda value: PublicAccessBlock(**value))
Configuration = Document(_dump_configuration, _load_configuration)
Cors = Document(_dump_cors, _load_cors)
