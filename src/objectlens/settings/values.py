"""The settings themselves: one frozen value per room, with what each key means, takes, and is when unset.

A key's name in the TOML file is `key` in `[table]`; in the environment it is `OBJECTLENS_TABLE_KEY`.
"""

# `_setting` declares a field and is called once for each, which is what RUF009 cannot know.
# ruff: noqa: RUF009

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from objectlens.settings.kinds import (
    ACCESS_KEY_ID,
    ACCOUNT,
    DATABASE_URL,
    DOMAINS,
    FOLDER,
    FUNCTION_ARNS,
    ISOLATION,
    LISTEN,
    LOOPBACK,
    METRICS,
    NODE_MODULES,
    PROCESSORS,
    PROFILE,
    PYTHONS,
    REGION,
    SECRET,
    STORE_URL,
    SWITCH,
    TYPES,
    URL,
    Kind,
    Listen,
    count,
    seconds,
)
from objectlens.transforms import Limits

_LIMITS = Limits()


def _setting(kind: Kind, default: Any, meaning: str, *, secret: bool = False) -> Any:
    """Declare a setting; `default` is written as a user would, None for one that may stay unset."""
    metadata = {"kind": kind, "default": default, "meaning": meaning, "secret": secret}
    return field(default=None if default is None else kind.parse(default), metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The door: where it listens, how long it waits, how much it takes."""

    listen: Listen = _setting(LISTEN, "127.0.0.1:9000", "Where to listen. Port 0 takes any free port.")
    domains: tuple[str, ...] = _setting(
        DOMAINS,
        "",
        "Host names under which clients reach the server, beside the address it listens on and `localhost`.",
    )
    public_url: str | None = _setting(
        URL,
        None,
        "Where functions that run elsewhere (`[remote.NAME]`) reach this server. Its host counts among `domains`.",
    )
    drain_seconds: float = _setting(
        seconds(0, 3600), 30, "How long requests in work may take to finish after SIGTERM; then they are cut."
    )
    head_seconds: float = _setting(seconds(1, 600), 30, "How long a client may take to send the head of a request.")
    idle_seconds: float = _setting(
        seconds(1, 3600), 75, "How long a connection may stay without a request or without progress in one."
    )
    max_connections: int = _setting(
        count(16, 1_000_000),
        4096,
        "Connections open at the same time; a further one takes the place of one that is idle, or is closed.",
    )
    metrics: Literal["signed", "loopback"] = _setting(
        METRICS,
        "signed",
        "Who may read `/-/metrics`: `signed` is whom policies allow `cloudwatch:GetMetricData`; `loopback` also "
        "everybody on this machine without a signature, functions too, and whoever comes through a proxy on it.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """Whose account this is."""

    account: str = _setting(ACCOUNT, "123456789012", "The account number that stands in every ARN.")
    region: str = _setting(
        REGION, "us-east-1", "The region of what is made without naming one. Requests may be signed for any region."
    )
    acls: bool = _setting(
        SWITCH,
        "false",
        "Whether new buckets have canned ACLs and no Block Public Access, as S3 made them before April 2023. Policies "
        "say all that ACLs can: turn this on for programs that cannot do without.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RootSettings:
    """The root's key, when the user brings one; set both or neither."""

    access_key_id: str | None = _setting(
        ACCESS_KEY_ID, None, "The root's access key. Unset, one is made on first start and kept in `DIR/credentials`."
    )
    secret_access_key: str | None = _setting(SECRET, None, "The secret that belongs to it.", secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """How much of the machine functions may take."""

    max_environments: int | None = _setting(
        count(1, 100_000),
        None,
        "Environments (function processes) on this machine, of all functions together. Unset, 32 for each core, but no "
        "more than one for each 256 MiB of memory, and 4 at least.",
    )
    max_per_function: int | None = _setting(
        count(1, 100_000),
        None,
        "Environments of one function version. Unset, three quarters of `max_environments`: a function that waits for "
        "another must leave it some.",
    )
    concurrency: int = _setting(
        count(10, 1_000_000),
        1000,
        "Invocations in work at the same time, waiting ones included, of an account's functions together: what "
        "GetAccountSettings calls `ConcurrentExecutions`. One more is refused at once.",
    )
    idle_seconds: float = _setting(
        seconds(1, 86_400), 300, "How long an environment without work is kept for the next invocation."
    )
    queue_seconds: float = _setting(
        seconds(0, 900), 30, "How long an invocation waits for an environment before it is refused."
    )
    isolation: Literal["auto", "off", "strict"] = _setting(
        ISOLATION,
        "auto",
        "What keeps functions from the machine: `auto` is all that this machine allows, `off` nothing but a process of "
        "their own, and with `strict` no function runs unless everything is active. `objectlens doctor` tells.",
    )
    processors: Literal["share", "limit"] = _setting(
        PROCESSORS,
        "share",
        "What MemorySize says of the processors, 1,769 MB for each: a `share` that counts where others want them too, "
        "or the `limit` of it, as on Lambda.",
    )
    capture_address: str | None = _setting(
        LOOPBACK,
        None,
        "A loopback address whose ports 443 and 80 the server takes as well, and to which AWS's host names lead in the "
        "`/etc/hosts` of sandboxes: so they work in programs of any language. It needs the right to take such ports. "
        "Python and Node.js functions need none of this.",
    )
    node_modules: str = _setting(
        NODE_MODULES,
        "install",
        "Where Node.js functions find the AWS SDK for JavaScript v3 when their package does not have it: `install` has "
        "npm install it once in the data directory, `none` leaves it out, or a `node_modules` folder that exists.",
    )
    pythons: tuple[str, ...] = _setting(
        PYTHONS,
        "",
        "Interpreters for `python3.x` functions, or folders with some, beside the server's own. Unset, `python3.9` and "
        "newer are looked for on the server's `PATH`, in `/usr/local/bin`, `/usr/bin` and `~/.pyenv/versions`; with "
        "`none`, every Python function runs on the server's own.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Functions that run elsewhere: a table for each endpoint, under a name of your own (letters and digits).

    Where several take a function, the first one does.
    """

    functions: tuple[str, ...] = _setting(
        FUNCTION_ARNS, "", "Which functions run there; needed. An ARN without qualifier stands for all its qualifiers."
    )
    endpoint: str | None = _setting(
        URL, None, "The endpoint that has the Lambda Invoke API. Unset, it is AWS's own in the region."
    )
    region: str | None = _setting(
        REGION,
        None,
        "The region to sign for and, without an endpoint, to call. Unset, it is that of the function's ARN.",
    )
    profile: str | None = _setting(
        PROFILE,
        None,
        "Whose credentials sign. Unset, they are found where AWS's tools look: environment, files, the machine's role.",
    )
    signed: bool = _setting(
        SWITCH,
        "true",
        "`false` is for runtime emulators, which take no signatures and know one function, named `function`.",
    )
    timeout_seconds: float = _setting(
        seconds(1, 900), 60, "How long to wait for the endpoint's answer; what answers GETs has 60 seconds in any case."
    )
    max_concurrency: int = _setting(
        count(1, 1000),
        32,
        "Invocations in work there at the same time; others wait up to `functions.queue_seconds`. A runtime emulator "
        "takes 1.",
    )
    public_url: str | None = _setting(
        URL, None, "Where its functions reach this server, if that is another address than `server.public_url`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Where the catalog is kept."""

    url: str | None = _setting(
        DATABASE_URL,
        None,
        "The catalog's database. Unset, it is SQLite in the data directory.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings:
    """How buckets are kept that are folders: those that objectlens made, and those that were attached."""

    fsync: bool = _setting(
        SWITCH,
        "true",
        "`true` answers a write when it is safe on the disk. With `false` the operating system writes when it likes, "
        "which is faster: a power failure may then cost what was written in the last half minute, or leave it damaged. "
        "The end of the server, however sudden, costs nothing with either.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Derived objects: what managed functions and native transforms made, kept to be given again."""

    enabled: bool = _setting(SWITCH, "true", "`false` keeps nothing: every answer is made when it is asked for.")
    bytes: int = _setting(
        count(1024 * 1024, 2**60),
        10 * 1024**3,
        "What derived objects may take on the disk; what saves least for its bytes goes first. One that is larger than "
        "half of it is not kept.",
    )
    directory: str | None = _setting(
        FOLDER, None, "Where they are kept. Unset, it is `cache` in the data directory. It may be removed at any time."
    )
    ttl_seconds: float | None = _setting(
        seconds(1, 10 * 365 * 86_400),
        None,
        "How old a derived object may grow. Unset, it stays as long as there is room: it is right as long as it is "
        "found at all.",
    )
    freshness_seconds: float = _setting(
        seconds(0, 3600),
        0,
        "For how long the state of a source that was looked up in a store over a network is taken for its present one. "
        "With 0 no answer is older than the last write before its request.",
    )
    negative_seconds: float = _setting(
        seconds(0, 300),
        5,
        "For how long a failure that lies in the object or the function is told again without another attempt.",
    )
    store: str | None = _setting(
        STORE_URL,
        None,
        "A second level that several servers share: the URL of a store, such as `file:///mnt/derived`.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSettings:
    """Native transforms: what their steps may read besides the object, and the most that one of them may cost.

    Pipelines can lower these limits for themselves, and not raise them.
    """

    resources: str | None = _setting(
        FOLDER, None, "The folder of the files that steps may name: tokenizers, models. Unset, they may name none."
    )
    trust_pickles: bool = _setting(
        SWITCH, "false", "Whether `.joblib` files of that folder are loaded, which runs whatever code they hold."
    )
    trusted_types: tuple[str, ...] = _setting(
        TYPES, "", "Types beside those that skops knows as safe which `.skops` files of that folder may hold."
    )
    bytes: int = _setting(count(1, 2**40), _LIMITS.bytes, "Of the object, or of what is gathered of a stream.")
    output_bytes: int = _setting(
        count(1, 2**40), _LIMITS.output_bytes, "Of what is made of it, results between steps included."
    )
    pixels: int = _setting(count(1, 2**30), _LIMITS.pixels, "Of one picture.")
    frames: int = _setting(
        count(1, 2**31), _LIMITS.frames, "Pictures of an animation, pages, or frames taken of a film."
    )
    duration: float = _setting(seconds(0.001, 10 * 86_400), _LIMITS.duration, "Of sound or film.")
    members: int = _setting(
        count(1, 2**31), _LIMITS.members, "Entries of an archive, those of archives within it included."
    )
    ratio: int = _setting(
        count(1, 2**31), round(_LIMITS.ratio), "Decompressed by compressed size, past the first 16 MiB."
    )
    nesting: int = _setting(count(1, 256), _LIMITS.nesting, "Depth of JSON and of HTML (64 tags count as one).")
    columns: int = _setting(count(1, 2**31), _LIMITS.columns, "Of a table.")
    rows: int = _setting(count(1, 2**40), _LIMITS.rows, "Of a table.")
    pattern_seconds: float = _setting(
        seconds(0.001, 60), _LIMITS.pattern_seconds, "That custom patterns (`redact`) take on one text."
    )
    cpu_seconds: float = _setting(
        seconds(0.001, 60),
        _LIMITS.cpu_seconds,
        "Of processor time that one run takes, or one member of a shard. An answer has 60 seconds in any case.",
    )
    memory_mb: int = _setting(
        count(512, 2**24),
        4096,
        "MiB that a process for transforms may have, its libraries included; there is one for each core, and as many "
        "again while all of them are busy for long. No pipeline can lower it.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """How many requests are in work at the same time."""

    max_requests: int = _setting(
        count(1, 1_000_000), 256, "Requests of clients in work at the same time; more wait in line."
    )
    max_inner_requests: int = _setting(
        count(1, 1_000_000),
        1024,
        "The same for requests that functions make for a GET in work. They have a line of their own, so that waiting "
        "clients cannot block the very functions that they wait for.",
    )
    max_batches: int = _setting(
        count(1, 100_000),
        16,
        "Batches and prefetches in work at the same time; more wait in a line of their own. The GETs of a batch count "
        "among `max_requests` as well.",
    )
    max_prefetch: int | None = _setting(
        count(1, 100_000),
        None,
        "GETs of prefetches in work at the same time while nothing else is. Each request of a client that has no "
        "answer yet takes one of them away. Unset, as many as there are cores; more help functions that mostly wait.",
    )
    queue_seconds: float = _setting(
        seconds(0, 600), 10, "How long a request waits in line before it is answered 503 `SlowDown`."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteringSettings:
    """What is kept of who used what."""

    enabled: bool = _setting(
        SWITCH, "true", "Whether use is counted. With `false`, budgets are kept all the same, and nothing else."
    )
    flush_seconds: float = _setting(
        seconds(0.1, 3600),
        10,
        "How often what was counted goes to the database. A server that is killed loses at most so much of it.",
    )
    rows: int = _setting(
        count(10, 100_000),
        1000,
        "Combinations of function, access point, caller and job that are told apart in each minute, hour and day; the "
        "others are counted together, as `(other)`.",
    )
    keep_minutes_days: int = _setting(
        count(1, 366), 2, "Days for which each minute is kept; then minutes become hours."
    )
    keep_hours_days: int = _setting(count(1, 3660), 62, "Days for which each hour is kept; then hours become days.")
    keep_days: int = _setting(count(1, 36_600), 1100, "Days for which each day is kept; then it is forgotten.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that may be set, checked. `data` is the absolute path of the data directory, `remote` goes by name."""

    data: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    account: AccountSettings = field(default_factory=AccountSettings)
    root: RootSettings = field(default_factory=RootSettings)
    functions: FunctionSettings = field(default_factory=FunctionSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    folders: FolderSettings = field(default_factory=FolderSettings)
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    metering: MeteringSettings = field(default_factory=MeteringSettings)
    transforms: TransformSettings = field(default_factory=TransformSettings)
    remote: Mapping[str, RemoteSettings] = field(default_factory=dict)


TABLES: dict[str, type] = {
    "server": ServerSettings,
    "account": AccountSettings,
    "root": RootSettings,
    "functions": FunctionSettings,
    "database": DatabaseSettings,
    "folders": FolderSettings,
    "admission": AdmissionSettings,
    "cache": CacheSettings,
    "metering": MeteringSettings,
    "transforms": TransformSettings,
}

# Tables of which there may be several: `[remote.NAME]`, and OBJECTLENS_REMOTE_NAME_KEY in the environment.
GROUPS: dict[str, type] = {"remote": RemoteSettings}
