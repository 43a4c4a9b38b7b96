"""The server that the suites share, and what they set up on it.

The suites run against a server of their own, or against any other: set `OBJECTLENS_TEST_ENDPOINT`,
`OBJECTLENS_TEST_ACCESS_KEY_ID` and `OBJECTLENS_TEST_SECRET_ACCESS_KEY`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from support.live import ROLE, Lens, LiveServer, start_server, stop_server, zipped


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The server that most suites share."""
    if url := os.environ.get("OBJECTLENS_TEST_ENDPOINT"):
        key, secret = os.environ["OBJECTLENS_TEST_ACCESS_KEY_ID"], os.environ["OBJECTLENS_TEST_SECRET_ACCESS_KEY"]
        yield LiveServer(url, key, secret)
        return
    live = start_server(tmp_path_factory.mktemp("live") / "data")
    try:
        yield live
    finally:
        code = stop_server(live)
    assert code == 0


MakeLens = Callable[..., Lens]


@pytest.fixture
def make_lens(server: LiveServer) -> MakeLens:
    """Return a function that sets up a bucket, an access point, a function and an Object Lambda access point."""

    def make(
        source: str | dict[str, str],
        *,
        actions: tuple[str, ...] = ("GetObject",),
        features: tuple[str, ...] = (),
        payload: str | None = None,
        runtime: str = "python3.11",
        handler: str = "lambda_function.lambda_handler",
        timeout: int = 10,
        environment: dict[str, str] | None = None,
        package: bytes | None = None,
        memory: int = 256,
    ) -> Lens:
        name = f"t{uuid.uuid4().hex[:16]}"
        server.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
        control = server.client("s3control")
        control.create_access_point(AccountId=server.account, Name=f"{name}-ap", Bucket=name)
        lambdas = server.client("lambda")
        function = lambdas.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=handler,
            Role=ROLE,
            Code={"ZipFile": package or zipped(source)},
            Timeout=timeout,
            MemorySize=memory,
            Environment={"Variables": environment or {}},
        )
        aws_lambda = {"FunctionArn": function["FunctionArn"]} | ({"FunctionPayload": payload} if payload else {})
        control.create_access_point_for_object_lambda(
            AccountId=server.account,
            Name=f"{name}-ol",
            Configuration={
                "SupportingAccessPoint": f"arn:aws:s3:{server.region}:{server.account}:accesspoint/{name}-ap",
                "AllowedFeatures": list(features),
                "TransformationConfigurations": [
                    {"Actions": list(actions), "ContentTransformation": {"AwsLambda": aws_lambda}}
                ],
            },
        )
        return Lens(server, name, f"{name}-ap", f"{name}-ol", name, function["FunctionArn"])

    return make
