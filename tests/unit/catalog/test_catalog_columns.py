from datetime import UTC, datetime, timedelta, timezone

import pytest

from objectlens.catalog.columns import Block, Configuration, Listed, Mapped, Moment
from objectlens.catalog.entities import ObjectLambdaConfiguration, PublicAccessBlock, Transformation


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Mapped, {"a": "é", "b": "\ud800\0"}, '{"a":"\\u00e9","b":"\\ud800\\u0000"}'),
        (Listed, ("b", "a"), '["b","a"]'),
        (
            Block,
            PublicAccessBlock(block_public_policy=False),
            (
                '{"block_public_acls":true,"ignore_public_acls":true,"block_public_policy":false,'
                '"restrict_public_buckets":true}'
            ),
        ),
        (
            Configuration,
            ObjectLambdaConfiguration(
                supporting_access_point="arn:1",
                allowed_features=frozenset({"HeadObject-Range", "GetObject-Range"}),
                transformations=(Transformation(actions=frozenset({"ListObjects", "GetObject"}), function_arn="f"),),
            ),
            (
                '{"supporting_access_point":"arn:1","cloudwatch_metrics_enabled":false,'
                '"allowed_features":["GetObject-Range","HeadObject-Range"],'
                '"transformations":[{"actions":["GetObject","ListObjects"],"function_arn":"f","function_payload":null}]}'
            ),
        ),
        (Mapped, None, None),
    ],
)
def test_documents_are_kept_as_json(column, value, text):
    assert column.process_bind_param(value, None) == text
    assert column.process_result_value(text, None) == value


def test_moments_are_text_in_utc_that_sorts_by_time():
    moments = [
        datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC),
        datetime(2026, 11, 23, 3, 2, 3, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 11, 23, 1, 2, 4, tzinfo=UTC),
    ]
    texts = [Moment().process_bind_param(moment, None) for moment in moments]
    assert texts[0] == "2026-11-23T01:02:03.000000+00:00"
    assert texts == sorted(texts)
    assert [Moment().process_result_value(text, None) for text in texts] == moments
    assert Moment().process_bind_param(None, None) is None
