"""Who does the reference job: a photograph becomes 256x256 pixels, grey, JPEG.

Each contestant is started here on the same files, in the set-up that its own documentation recommends, with as many
workers as there are cores in the yardstick. What is not installed is named as missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from live import BUCKET, Server, clients
from load import Orders, Round, measure
from machine import ALLOCATOR, CONTESTANTS, ROOT, Missing, free_port, program, running

CLIENTS = 8
HANDLER = ROOT / "examples/functions/image-normalizer/lambda_function.py"
PIPELINE = ROOT / "examples/pipelines/image-normalizer.json"
KEY = ("measured", "measured-secret")
_HERE = Path(__file__).resolve().parent
_THUMBOR = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {folder!r}
STORAGE = "thumbor.storages.no_storage"
QUALITY = 95
"""
_NGINX = """
load_module {modules}/ngx_http_image_filter_module.so;
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}; image_filter resize 256 256; image_filter_jpeg_quality 95; image_filter_buffer 20M; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Runs the job for so many seconds; `process` is the server's, None where the work is in the client."""

    name: str
    run: Callable[[float], Round]
    process: int | None = None
    note: str = ""


Starter = Callable[[ExitStack, Server, Sequence[Path]], list[Contestant]]


@contextmanager
def all_started(server: Server, files: Sequence[Path]) -> Iterator[tuple[list[Contestant], dict[str, str]]]:
    """Start everyone; yields them, the yardstick first, and why each missing one is missing."""
    server.upload(files)
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        found = _ours(server, files)
        for name, start in _OTHERS.items():
            try:
                found += start(stack, server, files)
            except Missing as error:
                missing[name] = str(error)
        yield found, missing


def _ours(server: Server, files: Sequence[Path]) -> list[Contestant]:
    pipeline = json.loads(PIPELINE.read_text())
    size = files[0].name.partition("-")[0]
    lenses = {
        "objectlens, native, fast": server.native(f"fast-{size}", json.dumps(pipeline)),
        "objectlens, native, exact": server.native(f"exact-{size}", json.dumps(pipeline | {"quality": "exact"})),
        "objectlens, unmodified handler": server.handler(f"handler-{size}", HANDLER),
    }
    return [bare(files), *(through(server, name, alias, files) for name, alias in lenses.items())]


def bare(files: Sequence[Path]) -> Contestant:
    """Return the yardstick."""
    command = [str(_HERE / "bare_loop.py")]
    run = lambda seconds: _looped([*command, str(seconds), *map(str, files)])  # noqa: E731
    return Contestant("bare OpenCV loop, two threads", run, note="no service")


def through(server: Server, name: str, alias: str, files: Sequence[Path]) -> Contestant:
    """Return signed GETs through a lens of ours."""
    run = lambda seconds: measure(server.orders(alias, files, clients=CLIENTS, seconds=seconds))  # noqa: E731
    return Contestant(name, run, server.process)


def _looped(arguments: list[str]) -> Round:
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | ALLOCATOR, capture_output=True, check=True, text=True
    )
    return Round(**json.loads(done.stdout))


def _asked(port: int, paths: Sequence[str]) -> Callable[[float], Round]:
    return lambda seconds: measure(Orders("127.0.0.1", port, list(paths), CLIENTS, seconds))


def _fastapi(stack: ExitStack, server: Server, files: Sequence[Path]) -> list[Contestant]:
    port = free_port()
    command = [program("uvicorn"), "fastapi_service:app", "--port", str(port), "--workers", "2", "--no-access-log"]
    command += ["--app-dir", str(_HERE / "services")]
    folder = {"FOLDER": str(files[0].parent)}
    process = stack.enter_context(running(command, port, server.folder / "fastapi.log", folder))
    paths = [f"/{path.name}" for path in files]
    return [Contestant("FastAPI + OpenCV, two workers", _asked(port, paths), process.pid, "no signatures")]


def _thumbor(stack: ExitStack, server: Server, files: Sequence[Path]) -> list[Contestant]:
    port, settings = free_port(), server.folder / "thumbor.conf"
    settings.write_text(_THUMBOR.format(folder=str(files[0].parent)))
    command = [
        program("thumbor"),
        "--port",
        str(port),
        "--ip",
        "127.0.0.1",
        "--conf",
        str(settings),
        "--processes",
        "2",
    ]
    process = stack.enter_context(running(command, port, server.folder / "thumbor.log"))
    paths = [f"/unsafe/256x256/filters:grayscale()/{path.name}" for path in files]
    return [Contestant("thumbor, two processes", _asked(port, paths), process.pid, "no signatures")]


def _ipx(stack: ExitStack, server: Server, files: Sequence[Path]) -> list[Contestant]:
    modules = CONTESTANTS / "npm/node_modules"
    if not (modules / "ipx").is_dir():
        raise Missing("ipx is not installed")
    port = free_port()
    command = [program("node"), str(_HERE / "services/ipx_service.mjs"), str(modules), str(files[0].parent), str(port)]
    process = stack.enter_context(running(command, port, server.folder / "ipx.log"))
    paths = [f"/w_256,h_256,fit_fill,grayscale,f_jpeg,q_95/{path.name}" for path in files]
    return [Contestant("ipx (sharp)", _asked(port, paths), process.pid, "no signatures")]


def _nginx(stack: ExitStack, server: Server, files: Sequence[Path]) -> list[Contestant]:
    modules = Path("/usr/lib/nginx/modules")
    if not (modules / "ngx_http_image_filter_module.so").exists():
        raise Missing("nginx with its image_filter module is not installed")
    port, settings = free_port(), server.folder / "nginx.conf"
    settings.write_text(_NGINX.format(modules=modules, folder=files[0].parent, port=port))
    for path in (server.folder, files[0].parent):
        path.chmod(0o755)  # nginx started by root serves as another user
    process = stack.enter_context(running([program("nginx"), "-c", str(settings)], port, server.folder / "nginx.log"))
    paths = [f"/{path.name}" for path in files]
    note = "no signatures, no grey, keeps the aspect"
    return [Contestant("nginx image_filter, two workers", _asked(port, paths), process.pid, note)]


def _seaweedfs(stack: ExitStack, server: Server, files: Sequence[Path]) -> list[Contestant]:
    url, process = stack.enter_context(seaweedfs(files[0].parent / "weed"))
    (s3,) = clients(url, KEY, "s3")
    s3.create_bucket(Bucket=BUCKET)
    for path in files:
        s3.upload_file(str(path), BUCKET, path.name)
    loop = [str(_HERE / "services/boto3_loop.py")]
    keys = [path.name for path in files]
    run = lambda seconds: _looped([*loop, str(seconds), url, *KEY, BUCKET, *keys])  # noqa: E731
    return [Contestant("SeaweedFS, boto3 + OpenCV in the client", run, process, "two client processes")]


@contextmanager
def seaweedfs(folder: Path) -> Iterator[tuple[str, int]]:
    """Start a whole SeaweedFS in one process; yields the URL of its S3 and the process."""
    weed = program("weed")
    folder.mkdir()
    grants = {"name": "measured", "credentials": [{"accessKey": KEY[0], "secretKey": KEY[1]}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [grants]}))
    master, volume, filer, port = (free_port() for _ in range(4))
    command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", f"-master.port={master}", f"-volume.port={volume}"]
    command += ["-filer", f"-filer.port={filer}", "-s3", f"-s3.port={port}", f"-s3.config={folder}/s3.json"]
    with running(command, port, folder / "log") as process:
        yield f"http://127.0.0.1:{port}", process.pid


_OTHERS: dict[str, Starter] = {
    "FastAPI + OpenCV": _fastapi,
    "thumbor": _thumbor,
    "ipx": _ipx,
    "nginx image_filter": _nginx,
    "SeaweedFS": _seaweedfs,
}
