"""Assembly: builds, starts, drains and stops the service. The only module that knows every room."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import logging
import os
import resource
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from objectlens.access import Access, Credentials
from objectlens.cache import Cache, Shared
from objectlens.cache import Limits as CacheLimits
from objectlens.catalog import AccountPrincipals, Catalog
from objectlens.catalog.entities import Function
from objectlens.clock import Clock, SystemClock
from objectlens.control import awslambda
from objectlens.control.identity import Identity, iam_api, sts_api
from objectlens.control.protocol import ControlApi
from objectlens.control.s3control import S3Control, s3control_api
from objectlens.database import Database, DatabaseTooNew, sqlite_url
from objectlens.errors import ServiceUnavailable
from objectlens.functions import Credentials as FunctionCredentials
from objectlens.functions import (
    Dispatch,
    Entrances,
    Executor,
    PackageStore,
    Pool,
    Remote,
    RemoteExecutor,
    Remotes,
    Surroundings,
    ZipStore,
    suitable_environments,
)
from objectlens.functions import Limits as FunctionLimits
from objectlens.functions.configuration import Capture
from objectlens.gateway import batch, prefetch
from objectlens.gateway.access_log import AccessLog
from objectlens.gateway.admission import Admission
from objectlens.gateway.batch import Batches
from objectlens.gateway.cache_pages import CachePages
from objectlens.gateway.connection import Limits as ConnectionLimits
from objectlens.gateway.inner import InnerDoors, open_doors
from objectlens.gateway.ledger import LedgerPages
from objectlens.gateway.pipeline import Corridor, ManagementApi, Rooms
from objectlens.gateway.prefetch import Prefetches
from objectlens.gateway.server import Server
from objectlens.gateway.signed import Pages
from objectlens.gateway.sparing import Spare
from objectlens.metering import Meter, Rules
from objectlens.metering.rollup import DAY
from objectlens.objectlambda.background import Background
from objectlens.objectlambda.context import ObjectLambda
from objectlens.objectlambda.looks import Looks
from objectlens.objectlambda.native import Native
from objectlens.objectlambda.rendezvous import Rendezvous
from objectlens.objects import Objects
from objectlens.objects.whole import read_whole
from objectlens.operation import Api
from objectlens.settings import Listen, Settings, root_credentials
from objectlens.settings.credentials import FILE_NAME as CREDENTIALS
from objectlens.stores import UnknownStore
from objectlens.stores.opener import StoreOpener
from objectlens.transforms import Limits as TransformLimits
from objectlens.transforms.process import tune_allocator
from objectlens.transforms.terms import Terms

_log = logging.getLogger(__name__)

LOCK = "lock"
ENDPOINT = "endpoint"
SERVER_KEY = "server-key"
SPOOL = "spool"
BUDGET_USES = "budget-uses"


class StartError(Exception):
    """The service cannot start; the message is one line that names the cause and the remedy."""


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Hold the data directory for this process alone; raises `StartError` when another server has it."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"cannot use the data directory {data}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
            raise StartError(
                f"another server (process {holder}) is using {data}: stop it, or give this one another directory "
                "with --data"
            ) from None
        # What a server that was killed left behind leads nowhere.
        (data / ENDPOINT).unlink(missing_ok=True)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


def bound_socket(listen: Listen, remedy: str = "choose another port with --listen") -> socket.socket:
    """Return a socket bound to the listening address; raises `StartError` when that is taken or not ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise StartError(f"cannot listen on {listen}: {error.strerror}") from None
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Two processes may both bind with SO_REUSEADDR; only one can listen.
        sock.listen(2048)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(f"{listen} is taken by another program: stop it, or {remedy}") from None
        if error.errno == errno.EACCES:
            raise StartError(
                f"cannot listen on {listen}: ports below net.ipv4.ip_unprivileged_port_start need root or "
                f"CAP_NET_BIND_SERVICE: give the server that, or {remedy}"
            ) from None
        raise StartError(f"cannot listen on {listen}: {error.strerror}") from None
    sock.setblocking(False)
    return sock


def endpoint_of(listen: Listen, sock: socket.socket) -> str:
    """Return the URL at which programs on this machine reach a bound socket."""
    port = sock.getsockname()[1]
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_key(data: Path) -> bytes:
    """Return the key that seals session tokens, made on first start and kept readable by the owner alone."""
    path = data / SERVER_KEY
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != 32:
            raise StartError(f"{path} is damaged: remove it; temporary credentials given out so far then end") from None
        return key
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


@contextmanager
def published(data: Path, url: str) -> Iterator[None]:
    """Tell other programs of this machine where the server is, as long as it is there."""
    path = data / ENDPOINT
    draft = path.with_suffix(".new")
    draft.write_text(url + "\n", encoding="ascii")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def allow_files(connections: int) -> None:
    """Let the process open the files that so many connections need; systems start programs with 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A connection, its file, and what its function holds open.
    wanted = 3 * connections + 1024
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most < wanted:
        _log.warning("only %d files may be open, fewer than max_connections may need: raise `ulimit -Hn`", most)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def serve(settings: Settings, requests_to: TextIO | None = None) -> int:
    """Run the service until SIGTERM, SIGINT or SIGHUP, then drain it; returns the exit code.

    A line for each request goes to `requests_to`, if it is given.
    Raises `StartError` when the address is taken, the data directory is in use, or the catalog cannot be opened.
    """
    # Large pictures would pay a quarter of their time in page faults.
    tune_allocator()
    allow_files(settings.server.max_connections)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under nohup
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    with owned(settings.data), closing(bound_socket(settings.server.listen)) as sock:
        async with running(settings, sock, requests_to) as url:
            with published(settings.data, url):
                _log.info("serving %s at %s; Ctrl-C or SIGTERM stops", settings.data, url)
                _log.info("%s; a first try, in another terminal: %s", *_first_steps(settings))
                spare_the_collector()
                await stop.wait()
                _log.info("draining")
    return 0


def spare_the_collector() -> None:
    """Have Python look for garbage less often, and never among what is there for good.

    By default it looks after every 700 new objects, which is less than one request makes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _first_steps(settings: Settings) -> tuple[str, str]:
    """Return where the root's key is, and a command to begin with."""
    where = "the settings bring the root's key"
    if settings.root.access_key_id is None:
        where = f"the root's key is in {settings.data / CREDENTIALS}"
    return where, f"objectlens exec --data {shlex.quote(str(settings.data))} -- aws s3 ls"


@asynccontextmanager
async def running(settings: Settings, sock: socket.socket, requests_to: TextIO | None = None) -> AsyncIterator[str]:
    """Build the rooms from the ground up, serve, and take them down in the opposite order; yields the URL."""
    url = endpoint_of(settings.server.listen, sock)
    clock = SystemClock()
    access_log = AccessLog(requests_to)
    async with AsyncExitStack() as stack:
        stack.callback(access_log.flush)
        database = await _database(settings, stack)
        catalog = Catalog(database, clock)
        meter = await _meter(settings, database, clock, stack)
        root = root_credentials(settings)
        access = Access(
            AccountPrincipals(catalog, settings.account.account),
            Credentials(root.access_key_id, root.secret_access_key),
            clock,
            secret_key=server_key(settings.data),
            account=settings.account.account,
        )
        opener = StoreOpener(settings.data, durable=settings.folders.fsync)
        stack.push_async_callback(opener.close)
        objects = Objects(
            catalog=catalog,
            opener=opener,
            access=access,
            clock=clock,
            account=settings.account.account,
            region=settings.account.region,
            acls=settings.account.acls,
        )
        packages = PackageStore(settings.data / "functions" / "packages")
        route = f"io-{secrets.token_hex(4)}"
        inner = _inner_doors(settings, clock, stack)

        # The server is made below, of what needs the pool; no function runs before it accepts.
        async def accept(made: socket.socket) -> asyncio.Server:
            return await server.accept(made, inner.tls_at(made.getsockname()[1]))

        entrances = Entrances(url, accept, (inner.tls_url,))
        pool = _pool(settings, access, packages, clock, entrances, capture=_capture(settings, inner, route))
        stack.push_async_callback(pool.close)
        remotes = _remotes(settings)
        executor = _executor(settings, pool, remotes, clock, stack)
        native = Native(_terms(settings))
        stack.push_async_callback(native.close)
        background = Background()
        stack.push_async_callback(background.close)
        cache = _cache(settings, opener, clock)
        stack.push_async_callback(cache.close)
        lens = ObjectLambda(
            catalog=catalog,
            access=access,
            objects=objects,
            executor=executor,
            rendezvous=Rendezvous(route),
            background=background,
            native=native,
            cache=cache,
            looks=Looks(clock, settings.cache.freshness_seconds),
            clock=clock,
            meter=meter,
            # The corridor needs this room, and its functions the corridor: it is there before the first of them runs.
            inner=lambda *known: corridor.inner(*known),  # noqa: PLW0108
            foretell=Corridor.foretell,
            endpoint=url,
            region=settings.account.region,
            remotes=remotes,
        )
        downloads = awslambda.Downloads(
            ZipStore(settings.data / "functions" / "zips"), server_key(settings.data), clock
        )
        management = await _management(settings, lens, packages, pool, downloads=downloads, meter=meter)
        accepting = asyncio.Event()
        corridor = Corridor(
            Rooms(
                access=access,
                catalog=catalog,
                objects=objects,
                lens=lens,
                management=management,
                cache=cache,
                figures=pool.snapshot,
                meter=meter,
            ),
            domains=_domains(settings),
            strangers=_lane(settings, settings.admission.max_requests),
            inner=_lane(settings, settings.admission.max_inner_requests),
            long=_lane(settings, settings.admission.max_batches),
            spare=Spare(settings.admission.max_prefetch or len(os.sched_getaffinity(0))),
            ready=accepting.is_set,
            pages={awslambda.downloads.PREFIX: downloads.serve},
            metrics_for=settings.server.metrics,
            access_log=access_log,
        )
        ledger = LedgerPages(meter, access, catalog)
        corridor.show({**_long_pages(settings, corridor), **CachePages(cache, access, catalog).pages, **ledger.pages})
        server = Server(
            corridor.serve,
            corridor.sent,
            ConnectionLimits(head_seconds=settings.server.head_seconds, idle_seconds=settings.server.idle_seconds),
            settings.server.max_connections,
        )
        await server.start(sock)
        for door, tls in inner.doors:
            await server.accept(door, tls)
        accepting.set()
        try:
            yield url
        finally:
            accepting.clear()
            await corridor.drain(settings.server.drain_seconds)
            await server.drain(1.0)


def _long_pages(settings: Settings, corridor: Corridor) -> Pages:
    """Return the pages that take many objects; what is too long for the memory waits in the folder `spool`."""
    spool = settings.data / SPOOL
    spool.mkdir(mode=0o700, exist_ok=True)
    batches, prefetches = Batches(corridor, spool), Prefetches(corridor)
    return {batch.PATH: [batches.page], prefetch.PATH: [prefetches.page]}


async def _management(
    settings: Settings,
    lens: ObjectLambda,
    packages: PackageStore,
    pool: Pool,
    *,
    downloads: awslambda.Downloads,
    meter: Meter,
) -> dict[Api, ManagementApi]:
    catalog, access, clock = lens.catalog, lens.access, lens.clock
    account, region = settings.account.account, settings.account.region
    functions = awslambda.Lambda(
        catalog=catalog,
        packages=packages,
        executor=lens.executor,
        prepare=pool.prepare,
        tasks=lens.background,
        downloads=downloads,
        events=awslambda.Events(lens.executor, clock),
        concurrency=settings.functions.concurrency,
        arrange=pool.arrange,
        provision=pool.provision,
        read_object=partial(read_whole, lens.objects),
        clock=clock,
        region=region,
        meter=meter,
    )
    # What an earlier run left unpacked and nothing refers to; no function runs yet that could miss it.
    await awslambda.collect_packages(functions)
    if not packages.is_empty():
        pool.wake()
    lens.background.start(awslambda.keep_arranged(functions))
    identity = Identity(catalog=catalog, access=access, clock=clock, account=account)
    return {
        "s3control": s3control_api(
            S3Control(catalog=catalog, clock=clock, region=region, remotes=lens.remotes, programs=lens.native.compiled),
            access.authorize,
        ),
        "lambda": ControlApi("lambda", awslambda.HANDLERS, functions, access.authorize, declined=awslambda.DECLINED),
        "iam": iam_api(identity),
        "sts": sts_api(identity),
    }


async def _database(settings: Settings, stack: AsyncExitStack) -> Database:
    try:
        database = await Database.open(settings.database.url or sqlite_url(settings.data))
    except (DatabaseTooNew, ValueError, RuntimeError, ServiceUnavailable) as error:
        raise StartError(f"cannot open the catalog: {error}") from None
    stack.push_async_callback(database.close)
    return database


async def _meter(settings: Settings, database: Database, clock: Clock, stack: AsyncExitStack) -> Meter:
    rules = Rules(
        enabled=settings.metering.enabled,
        flush_seconds=settings.metering.flush_seconds,
        most=settings.metering.rows,
        minutes_kept=settings.metering.keep_minutes_days * DAY,
        hours_kept=settings.metering.keep_hours_days * DAY,
        days_kept=settings.metering.keep_days * DAY,
    )
    try:
        meter = Meter(database, clock, settings.data / BUDGET_USES, rules)
        stack.push_async_callback(meter.close)
        await meter.start()
    except (OSError, ServiceUnavailable) as error:
        raise StartError(f"cannot count what is used: {error}") from None
    return meter


def _inner_doors(settings: Settings, clock: Clock, stack: AsyncExitStack) -> InnerDoors:
    def bind(host: str, port: int) -> socket.socket:
        return bound_socket(Listen(host, port), "leave functions.capture_address unset")

    try:
        doors = open_doors(settings.data, _domains(settings), settings.functions.capture_address, clock, bind)
    except ValueError as error:
        raise StartError(f"cannot make certificates for functions: {error}") from None
    return stack.enter_context(closing(doors))


def _capture(settings: Settings, inner: InnerDoors, route: str) -> Capture:
    return Capture(
        tls_url=inner.tls_url,
        authority=inner.trust.authority,
        bundle=inner.trust.bundle,
        route=route,
        account=settings.account.account,
        address=settings.functions.capture_address,
    )


def _pool(
    settings: Settings,
    access: Access,
    packages: PackageStore,
    clock: Clock,
    entrances: Entrances,
    *,
    capture: Capture,
) -> Pool:
    environments = settings.functions.max_environments or suitable_environments()
    limits = FunctionLimits(
        environments=environments,
        per_function=settings.functions.max_per_function or max(1, environments * 3 // 4),
        concurrency=settings.functions.concurrency,
        idle_seconds=settings.functions.idle_seconds,
        queue_seconds=settings.functions.queue_seconds,
    )
    lifetime = timedelta(seconds=limits.credentials_seconds)

    def credentials(function: Function) -> FunctionCredentials:
        made = access.sessions.for_function(function.role, function.arn, lifetime)
        return FunctionCredentials(made.access_key_id, made.secret_access_key, made.session_token or "")

    surroundings = Surroundings(
        folder=settings.data / "functions",
        endpoint_url=entrances.endpoint_url,
        region=settings.account.region,
        python=sys.executable,
        node_modules=settings.functions.node_modules,
        isolation=settings.functions.isolation,
        processors=settings.functions.processors,
        entrances=entrances,
        capture=capture,
        pythons=settings.functions.pythons,
    )
    return Pool(packages=packages, surroundings=surroundings, credentials=credentials, clock=clock, limits=limits)


def _remotes(settings: Settings) -> Remotes:
    return Remotes(
        Remote(
            name=name,
            functions=remote.functions,
            public_url=remote.public_url or settings.server.public_url or "",
            endpoint=remote.endpoint,
            region=remote.region,
            profile=remote.profile,
            signed=remote.signed,
            timeout_seconds=remote.timeout_seconds,
            concurrency=remote.max_concurrency,
            queue_seconds=settings.functions.queue_seconds,
        )
        for name, remote in settings.remote.items()
    )


def _executor(settings: Settings, pool: Pool, remotes: Remotes, clock: Clock, stack: AsyncExitStack) -> Executor:
    if not settings.remote:
        return pool
    elsewhere = RemoteExecutor(remotes, folder=settings.data / "functions", clock=clock)
    stack.push_async_callback(elsewhere.close)
    return Dispatch(pool, elsewhere)


def _terms(settings: Settings) -> Terms:
    folder = settings.transforms.resources
    if folder is not None and not Path(folder).is_dir():
        raise StartError(f"transforms.resources is {folder}, which is no folder: make it, or leave the setting out")
    limits = TransformLimits(
        bytes=settings.transforms.bytes,
        output_bytes=settings.transforms.output_bytes,
        pixels=settings.transforms.pixels,
        frames=settings.transforms.frames,
        duration=settings.transforms.duration,
        members=settings.transforms.members,
        ratio=settings.transforms.ratio,
        nesting=settings.transforms.nesting,
        columns=settings.transforms.columns,
        rows=settings.transforms.rows,
        pattern_seconds=settings.transforms.pattern_seconds,
        cpu_seconds=settings.transforms.cpu_seconds,
    )
    return Terms(
        limits=limits,
        memory_mb=settings.transforms.memory_mb,
        folder=folder,
        trust_pickles=settings.transforms.trust_pickles,
        trusted_types=settings.transforms.trusted_types,
    )


def _cache(settings: Settings, opener: StoreOpener, clock: Clock) -> Cache:
    limits = CacheLimits(
        bytes=settings.cache.bytes if settings.cache.enabled else 0,
        ttl=settings.cache.ttl_seconds,
        negative=settings.cache.negative_seconds,
    )
    folder, store = settings.cache.directory, settings.cache.store
    try:
        shared = None if store is None else Shared(opener.open("cache", store))
    except UnknownStore as error:
        raise StartError(f"cache.store cannot be used: {error}") from None
    return Cache(settings.data / "cache" if folder is None else Path(folder), limits, clock, shared=shared)


def _domains(settings: Settings) -> tuple[str, ...]:
    """Return the host names that are this service itself; a label before one of them is a bucket or access point."""
    urls = (settings.server.public_url, *(remote.public_url for remote in settings.remote.values()))
    public = (urlsplit(url).hostname or "" for url in urls if url)
    own = (settings.server.listen.host, "localhost", "127.0.0.1", "::1")
    return tuple(dict.fromkeys((*settings.server.domains, *public, *own)))


def _lane(settings: Settings, places: int) -> Admission:
    return Admission(places, places * 4, settings.admission.queue_seconds)
