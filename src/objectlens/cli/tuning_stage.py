"""What is put up for a measurement and taken down again: versions with other sizes of memory, and ways to them.

As AWS Lambda Power Tuning does it, the function itself is changed only for the moments in which versions are published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import click
from botocore.exceptions import ClientError

from objectlens.cli.clients import Clients
from objectlens.cli.interrupts import Interrupts
from objectlens.cli.publishing import transformation

TUNED = re.compile(r"accesspoint/tune-[0-9a-f]{8}-[0-9]+$")
"""The ARN of an access point that was put up for a measurement."""


@dataclass(frozen=True, slots=True)
class TunedPoint:
    """The Object Lambda access point that is measured: `function` is a name, `actions` and `payload` are its own.

    `function_arn` has no qualifier.
    """

    name: str
    supporting: str
    function: str
    function_arn: str
    actions: tuple[str, ...]
    payload: str | None


def find_point(clients: Clients, function: str, name: str | None) -> TunedPoint:
    """Return the access point in front of a function: the one that is named, or the only one there is."""
    function = function.partition(":function:")[2].partition(":")[0] or function
    names = [name] if name else _names(clients)
    found = [point for one in names if (point := _point(clients, one, function)) is not None]
    if len(found) == 1:
        return found[0]
    if name:
        raise click.ClickException(f"the Object Lambda access point {name} does not use the function {function}")
    if found:
        listed = ", ".join(one.name for one in found)
        raise click.ClickException(f"several access points use {function}: choose one with --access-point: {listed}")
    raise click.ClickException(f"no Object Lambda access point uses a Lambda function {function}: make one first")


def _names(clients: Clients) -> list[str]:
    """Return the names of all but those that another measurement has put up, or left when it was killed."""
    pages = clients.s3control.get_paginator("list_access_points_for_object_lambda").paginate(AccountId=clients.account)
    found = [one for page in pages for one in page["ObjectLambdaAccessPointList"]]
    return [one["Name"] for one in found if not TUNED.search(one["ObjectLambdaAccessPointArn"])]


def _point(clients: Clients, name: str, function: str) -> TunedPoint | None:
    answer = clients.s3control.get_access_point_configuration_for_object_lambda(AccountId=clients.account, Name=name)
    configuration = answer["Configuration"]
    for one in configuration["TransformationConfigurations"]:
        used = one["ContentTransformation"]["AwsLambda"]
        if "GetObject" in one["Actions"] and used["FunctionArn"].split(":")[6] == function:
            return TunedPoint(
                name=name,
                supporting=configuration["SupportingAccessPoint"],
                function=function,
                function_arn=":".join(used["FunctionArn"].split(":")[:7]),
                actions=tuple(one["Actions"]),
                payload=used.get("FunctionPayload"),
            )
    return None


class Stage:
    """Puts up what a measurement needs under names that begin with `label`."""

    def __init__(self, clients: Clients, point: TunedPoint, label: str, interrupts: Interrupts) -> None:
        self.clients = clients
        self.label = label
        self._point = point
        self._interrupts = interrupts

    @contextmanager
    def set(self, sizes: Sequence[int]) -> Iterator[dict[int, str]]:
        """Publish a version for each size; yields the ARN of an access point in front of each. All go at the end."""
        with ExitStack() as taken_down:
            versions = self._publish(sizes, taken_down)
            places = {size: self._access_point(size, version, taken_down) for size, version in versions.items()}
            with self._interrupts.allowed():
                yield places

    def _publish(self, sizes: Sequence[int], taken_down: ExitStack) -> dict[int, str]:
        functions, name = self.clients.functions, self._point.function
        before = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        there = {one["Version"] for one in self._versions()}
        versions = {}
        try:
            for size in sizes:
                self._interrupts.check()
                self._resize(size)
                versions[size] = functions.publish_version(FunctionName=name, Description=self.label)["Version"]
                # Publishing what was published last gives that version again, which is not ours to delete.
                if versions[size] not in there:
                    taken_down.callback(functions.delete_function, FunctionName=name, Qualifier=versions[size])
        finally:
            self._resize(before)
        for version in versions.values():
            functions.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=version)
        return versions

    def _versions(self) -> list[dict[str, Any]]:
        pages = self.clients.functions.get_paginator("list_versions_by_function").paginate(
            FunctionName=self._point.function
        )
        return [one for page in pages for one in page["Versions"]]

    def _resize(self, size: int) -> None:
        functions, name = self.clients.functions, self._point.function
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        functions.update_function_configuration(FunctionName=name, MemorySize=size)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    def _access_point(self, size: int, version: str, taken_down: ExitStack) -> str:
        clients, point = self.clients, self._point
        name = f"{self.label}-{size}"
        function = {"FunctionArn": f"{point.function_arn}:{version}"}
        if point.payload is not None:
            function["FunctionPayload"] = point.payload
        here = {"AccountId": clients.account, "Name": name}
        made = clients.s3control.create_access_point_for_object_lambda(
            **here,
            Configuration={
                "SupportingAccessPoint": point.supporting,
                "TransformationConfigurations": [transformation(point.actions, function)],
            },
        )
        taken_down.callback(_gone, clients.s3control.delete_access_point_for_object_lambda, here)
        return str(made["ObjectLambdaAccessPointArn"])


def _gone(delete: Any, here: dict[str, str]) -> None:
    try:
        delete(**here)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
