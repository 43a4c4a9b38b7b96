"""Amazon Resource Names and aliases.

Shapes: reference sections 1 and 2 (docs/compatibility.md). ARNs of access points come with `/` or `:` between
`accesspoint` and the name; both mean the same.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]*):(.+)", re.DOTALL)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"

ACCESS_POINT_ALIAS = "-s3alias"
OBJECT_LAMBDA_ALIAS = "--ol-s3"

# The built-in function whose payload is a pipeline of native transforms.
NATIVE_FUNCTION = "objectlens-transform"


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, taken apart."""

    service: str
    region: str
    account: str
    resource: str
    partition: str = "aws"

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Take an ARN apart; raises `ValueError` that quotes it when it is not one."""
        return _parsed(text)

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    def named(self, kind: str) -> str | None:
        """Return what follows `kind/` or `kind:` in the resource, or None if it is of another kind."""
        for separator in "/:":
            head, found, name = self.resource.partition(separator)
            if found and head == kind:
                return name
        return None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Arn:
    # The same few are asked for with every request.
    match = _ARN.fullmatch(text)
    if match is None:
        raise ValueError(f"not an ARN: {text!r}")
    partition, service, region, account, resource = match.groups()
    return Arn(service=service, region=region, account=account, resource=resource, partition=partition)


def bucket_arn(name: str) -> str:
    """Return the ARN of a bucket."""
    return f"arn:aws:s3:::{name}"


def access_point_arn(region: str, account: str, name: str) -> str:
    """Return the ARN of an access point."""
    return f"arn:aws:s3:{region}:{account}:accesspoint/{name}"


def object_lambda_arn(region: str, account: str, name: str) -> str:
    """Return the ARN of an Object Lambda access point."""
    return f"arn:aws:s3-object-lambda:{region}:{account}:accesspoint/{name}"


def function_arn(region: str, account: str, name: str, qualifier: str | None = None) -> str:
    """Return the ARN of a Lambda function, of one of its versions or aliases when `qualifier` is given."""
    return f"arn:aws:lambda:{region}:{account}:function:{name}" + (f":{qualifier}" if qualifier else "")


def layer_arn(region: str, account: str, name: str, version: str | None = None) -> str:
    """Return the ARN of a Lambda layer, of one of its versions when `version` is given."""
    return f"arn:aws:lambda:{region}:{account}:layer:{name}" + (f":{version}" if version else "")


def iam_arn(account: str, resource: str) -> str:
    """Return the ARN of an IAM resource: `root`, `user/NAME`, `role/NAME`, `policy/NAME`."""
    return f"arn:aws:iam::{account}:{resource}"


def new_alias(name: str, suffix: str) -> str:
    """Make a bucket-shaped alias for an access point: at most 63 characters of `a-z0-9-`.

    AWS keeps about 20 leading characters of the name and adds about 34 of base 36 (section 1.2); the algorithm is
    not public and any unique string of that shape serves.
    """
    tag = "".join(secrets.choice(_BASE36) for _ in range(34))
    return f"{name[: 63 - len(tag) - len(suffix) - 1][:20].rstrip('-')}-{tag}{suffix}"
