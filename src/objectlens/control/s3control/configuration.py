"""The configuration document of an Object Lambda access point and its rules (reference section 12.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from objectlens.arn import NATIVE_FUNCTION, Arn
from objectlens.catalog.entities import Feature, ObjectLambdaConfiguration, Transformation
from objectlens.errors import InvalidRequest
from objectlens.functions import Remotes
from objectlens.transforms import BadPipeline
from objectlens.transforms.terms import Programs

Document = Mapping[str, Any]

_FUNCTION = re.compile(r"[a-zA-Z0-9_-]{1,64}(?::(?:\$LATEST|[a-zA-Z0-9_-]{1,128}))?")


def read(document: Document, account: str, remotes: Remotes, programs: Programs) -> ObjectLambdaConfiguration:
    """Return the configuration that a document describes; raises `InvalidRequest` that names what is wrong.

    The shapes, lengths and enumerations of the model hold already. That the supporting access point exists is for the
    caller to see to; the function may be made later. It is of the same account, or one of the `remotes` has it. What
    pipelines may do is for `programs` to say.
    """
    supporting_access_point(document["SupportingAccessPoint"], account)
    transformations = tuple(
        _transformation(one, account, remotes, programs) for one in document["TransformationConfigurations"]
    )
    if not transformations:
        raise InvalidRequest("TransformationConfigurations must have at least one TransformationConfiguration.")
    actions = [action for one in transformations for action in one.actions]
    twice = {action for action in actions if actions.count(action) > 1}
    if twice:
        raise InvalidRequest(f"{', '.join(sorted(twice))} has more than one transformation; one function serves it.")
    return ObjectLambdaConfiguration(
        supporting_access_point=document["SupportingAccessPoint"],
        cloudwatch_metrics_enabled=document.get("CloudWatchMetricsEnabled", False),
        allowed_features=frozenset(cast("list[Feature]", document.get("AllowedFeatures", []))),
        transformations=transformations,
    )


def write(configuration: ObjectLambdaConfiguration) -> dict[str, Any]:
    """Return the document of a configuration."""
    return {
        "SupportingAccessPoint": configuration.supporting_access_point,
        "CloudWatchMetricsEnabled": configuration.cloudwatch_metrics_enabled,
        "AllowedFeatures": sorted(configuration.allowed_features),
        "TransformationConfigurations": [_written(one) for one in configuration.transformations],
    }


def supporting_access_point(text: str, account: str) -> str:
    """Return the name in the ARN of a supporting access point; raises `InvalidRequest`. The region may be any."""
    arn = _arn(text, "SupportingAccessPoint")
    name = arn.named("accesspoint")
    if arn.service != "s3" or not name or "/" in name or ":" in name:
        raise InvalidRequest(
            f"SupportingAccessPoint {text} is not the ARN of an access point: "
            "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME is needed."
        )
    if arn.account != account:
        raise InvalidRequest(f"SupportingAccessPoint {text} is not in the account {account}.")
    return name


def _transformation(document: Document, account: str, remotes: Remotes, programs: Programs) -> Transformation:
    if not document["Actions"]:
        raise InvalidRequest("Every TransformationConfiguration needs at least one Action.")
    function = document["ContentTransformation"]["AwsLambda"]
    arn = _arn(function["FunctionArn"], "FunctionArn")
    name = arn.named("function") if arn.service == "lambda" else None
    if name is None or _FUNCTION.fullmatch(name) is None:
        raise InvalidRequest(
            f"FunctionArn {arn} is not the ARN of a function: arn:aws:lambda:REGION:ACCOUNT:function:NAME, with "
            ":VERSION or :ALIAS behind it where one is meant, is needed."
        )
    if arn.account != account and remotes.of(str(arn)) is None:
        raise InvalidRequest(
            f"FunctionArn {arn} is not in the account {account}, as the function must be, unless a [remote.NAME] of "
            "the server's settings says where it runs."
        )
    if name.partition(":")[0] == NATIVE_FUNCTION:
        _check_pipeline(document["Actions"], function.get("FunctionPayload"), programs)
    return Transformation(
        actions=frozenset(document["Actions"]),
        function_arn=function["FunctionArn"],
        function_payload=function.get("FunctionPayload"),
    )


def _arn(text: str, what: str) -> Arn:
    try:
        return Arn.parse(text)
    except ValueError:
        raise InvalidRequest(f"{what} {text} is not an ARN.") from None


def _check_pipeline(actions: Sequence[str], payload: str | None, programs: Programs) -> None:
    """Refuse a native pipeline that could never run, while the one who declares it is still there to mend it."""
    lists = sorted({"ListObjects", "ListObjectsV2"} & set(actions))
    if lists:
        raise InvalidRequest(f"{NATIVE_FUNCTION} transforms objects and not listings: leave out {', '.join(lists)}.")
    try:
        programs(payload or "")
    except BadPipeline as error:
        raise InvalidRequest(f"FunctionPayload is not a pipeline that can run: {error}") from error


def _written(one: Transformation) -> dict[str, Any]:
    function = {"FunctionArn": one.function_arn, "FunctionPayload": one.function_payload}
    return {"Actions": sorted(one.actions), "ContentTransformation": {"AwsLambda": function}}
