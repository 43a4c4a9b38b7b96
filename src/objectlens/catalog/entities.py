"""What exists: the frozen values of the catalog.

Times are aware and in UTC. Policies are kept as the JSON text that was put, so that a Get returns it to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from objectlens import arn
from objectlens.s3.acl import Ownership
from objectlens.s3.cors import CorsRule

LATEST = "$LATEST"
MANAGED_STORE = "managed:"

Action = Literal["GetObject", "HeadObject", "ListObjects", "ListObjectsV2"]
Feature = Literal["GetObject-Range", "GetObject-PartNumber", "HeadObject-Range", "HeadObject-PartNumber"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAccessBlock:
    """The four flags of S3's Block Public Access; all on unless said otherwise."""

    block_public_acls: bool = True
    ignore_public_acls: bool = True
    block_public_policy: bool = True
    restrict_public_buckets: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket. `store` is `managed:` (a folder of ours under the data directory) or a URL such as `file:///photos`.

    `acl` is the canned ACL, None for the owner's full control; it counts unless the bucket is BucketOwnerEnforced.
    """

    name: str
    account: str
    region: str
    created_at: datetime
    store: str = MANAGED_STORE
    policy: str | None = None
    public_access_block: PublicAccessBlock | None = field(default_factory=PublicAccessBlock)
    tags: Mapping[str, str] = field(default_factory=dict)
    cors: tuple[CorsRule, ...] | None = None
    ownership: Ownership = "BucketOwnerEnforced"
    acl: str | None = None
    versioning: Literal["Enabled", "Suspended"] | None = None

    @property
    def arn(self) -> str:
        """The bucket's ARN."""
        return arn.bucket_arn(self.name)

    @property
    def has_acls(self) -> bool:
        """Tell whether ACLs count, the bucket's own and those of its objects."""
        return self.ownership != "BucketOwnerEnforced"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPoint:
    """A named entrance to one bucket."""

    name: str
    account: str
    region: str
    bucket: str
    alias: str
    created_at: datetime
    bucket_account: str
    vpc_id: str | None = None
    policy: str | None = None
    public_access_block: PublicAccessBlock = field(default_factory=PublicAccessBlock)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The access point's ARN, in the region it was made in."""
        return arn.access_point_arn(self.region, self.account, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """Which function serves which actions, with the payload it is given."""

    actions: frozenset[Action]
    function_arn: str
    function_payload: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLambdaConfiguration:
    """The configuration document of an Object Lambda access point (reference section 12.4)."""

    supporting_access_point: str
    cloudwatch_metrics_enabled: bool = False
    allowed_features: frozenset[Feature] = frozenset()
    transformations: tuple[Transformation, ...] = ()

    def transformation(self, action: str) -> Transformation | None:
        """Return the transformation that serves `action`, None when the action is proxied."""
        for one in self.transformations:
            if action in one.actions:
                return one
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLambdaAccessPoint:
    """A named entrance in front of one supporting access point.

    `configured_at` is when its configuration was replaced, None when that never happened.
    """

    name: str
    account: str
    region: str
    alias: str
    created_at: datetime
    configuration: ObjectLambdaConfiguration
    policy: str | None = None
    public_access_block: PublicAccessBlock = field(default_factory=PublicAccessBlock)
    tags: Mapping[str, str] = field(default_factory=dict)
    configured_at: datetime | None = None
    _arn: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every transformed request asks for it several times.
        object.__setattr__(self, "_arn", arn.object_lambda_arn(self.region, self.account, self.name))

    @property
    def arn(self) -> str:
        """The Object Lambda access point's ARN, in the region it was made in."""
        return self._arn


Resource = Bucket | AccessPoint | ObjectLambdaAccessPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReference:
    """A layer version as a function refers to it: by all that it takes to run with it, should it be deleted."""

    arn: str
    package: str
    code_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One version of a layer, a number; it never changes but for its policy.

    `package`, `code_sha256` and `code_size` are as of a `Function`.
    """

    name: str
    account: str
    region: str
    version: str
    package: str
    code_sha256: str
    code_size: int
    created_at: datetime
    revision_id: str
    description: str = ""
    license: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    policy: str | None = None

    @property
    def arn(self) -> str:
        """The ARN of this version."""
        return arn.layer_arn(self.region, self.account, self.name, self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingConfig:
    """How a function's log is written: `format` is `Text` or `JSON`; the levels are chosen for JSON alone.

    `group` is None unless it was named.
    """

    format: str = "Text"
    application_level: str | None = None
    system_level: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One version of a function: `$LATEST`, or a number once published.

    `timeout` is in seconds, `memory_size` and `ephemeral_storage` in MB, `code_sha256` base64 as AWS prints it.
    `package` is the hexadecimal SHA-256 of the zip, which names the package in the package store.
    """

    name: str
    account: str
    region: str
    version: str
    runtime: str
    handler: str
    role: str
    package: str
    code_sha256: str
    code_size: int
    last_modified: datetime
    revision_id: str
    timeout: int = 3
    memory_size: int = 128
    ephemeral_storage: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    architectures: tuple[str, ...] = ("x86_64",)
    layers: tuple[LayerReference, ...] = ()
    package_type: str = "Zip"
    reserved_concurrency: int | None = None
    policy: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    logging: LoggingConfig = LoggingConfig()
    tracing: str = "PassThrough"
    snap_start: str = "None"

    @property
    def arn(self) -> str:
        """The function's ARN; of a published version, with its number."""
        qualifier = None if self.version == LATEST else self.version
        return arn.function_arn(self.region, self.account, self.name, qualifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionAlias:
    """A name for one version of a function, and the shares of calls that go to other versions: `{"2": 0.1}`.

    `updated_at` is when it was last pointed somewhere, None when that is not known.
    """

    name: str
    account: str
    function: str
    version: str
    revision_id: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    policy: str | None = None
    updated_at: datetime | None = None

    def chosen(self, point: float) -> str:
        """Return the version that serves a call; `point` is drawn from [0, 1) for each call anew."""
        for version, share in self.weights.items():
            if point < share:
                return version
            point -= share
        return self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedConcurrency:
    """How many environments are kept ready for a version, or for the version that an alias names at the time."""

    account: str
    function: str
    qualifier: str
    requested: int
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig:
    """How often an event is tried again and how old it may grow, in seconds; None is the default of each."""

    account: str
    function: str
    qualifier: str
    last_modified: datetime
    retries: int | None = None
    age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is set for an account as a whole; an account of which nothing was ever set has no such value."""

    account: str
    public_access_block: PublicAccessBlock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An IAM user. `policies` are inline policies by name; `attached` are ARNs of managed policies."""

    name: str
    account: str
    user_id: str
    created_at: datetime
    path: str = "/"
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return arn.iam_arn(self.account, f"user{self.path}{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An IAM role. `assume_role_policy` is its trust policy; `max_session` is in seconds."""

    name: str
    account: str
    role_id: str
    created_at: datetime
    assume_role_policy: str
    path: str = "/"
    description: str = ""
    max_session: int = 3600
    policies: Mapping[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return arn.iam_arn(self.account, f"role{self.path}{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A managed policy, the account's own or one of AWS's that we know; one version, the default one."""

    name: str
    account: str
    policy_id: str
    created_at: datetime
    document: str
    path: str = "/"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The policy's ARN."""
        return arn.iam_arn(self.account, f"policy{self.path}{self.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A long-term key of an IAM user. The secret is never logged; `repr` hides it."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    account: str
    user_name: str
    created_at: datetime
    active: bool = True
