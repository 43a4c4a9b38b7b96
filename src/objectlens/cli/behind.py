"""How many objects lie behind Object Lambda access points, as the server lists them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from objectlens.cli.clients import Clients, connect
from objectlens.cli.options import running_endpoint


def count_objects(
    data: Path, config: Path | None, endpoint: str | None, points: Iterable[str], most: int
) -> dict[str, int | None]:
    """Return the number of keys behind each access point; None where nobody could count them, or when over `most`."""
    if most == 0 or (endpoint is None and running_endpoint(data) is None):
        return {}
    clients = connect(data, config, endpoint)
    return {point: _count(clients, point, most) for point in points}


def _count(clients: Clients, point: str, most: int) -> int | None:
    try:
        pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=_supporting(clients, point))
        found = 0
        for page in islice(pages, most // 1000 + 1):
            found += page["KeyCount"]
    except (BotoCoreError, ClientError):
        # Deleted since, or not listable: the advice says that it does not know.
        return None
    return found if found <= most else None


def _supporting(clients: Clients, point: str) -> str:
    answer = clients.s3control.get_access_point_configuration_for_object_lambda(
        AccountId=point.split(":")[4], Name=point.rpartition("/")[2]
    )
    return str(answer["Configuration"]["SupportingAccessPoint"])
