"""`objectlens function dev`: a handler, deployed again at every save and tried on an object."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from objectlens.cli import pictures
from objectlens.cli.build import pair
from objectlens.cli.building import default_handler, default_runtime
from objectlens.cli.clients import Clients, Running
from objectlens.cli.dev_screen import State, deploy_line, harmless, log_text, request_line, screen, try_command
from objectlens.cli.developing import Answered, Deployed, Project, Watch
from objectlens.cli.keyboard import Pressed, keyboard
from objectlens.cli.options import config_option, data_option, json_option, print_json
from objectlens.cli.private_server import private_server
from objectlens.cli.publishing import TIMEOUT, Plan
from objectlens.cli.steps import ending_in_order

_EPILOG = """\b
Examples:
  objectlens function dev image-normalizer --source ./photographs
  objectlens function dev image-normalizer --bucket raw-images --key images/test.png
  objectlens function dev image-normalizer --source ./photographs --once --json

With --source a private server is started for this command alone, and the folder's files are its objects. With --bucket
the server that runs on --data is used; function and access point are named after the folder, with -dev behind, and stay
there. Answers that are pictures are drawn, beside their originals.
"""
# How often the folder is looked at.
_POLL = 0.3
_SOURCE_BUCKET, _CODE_BUCKET = "source", "code"


@click.command("dev", epilog=_EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--handler", help="Where the handler is.  [default: lambda_function.lambda_handler, index.handler]")
@click.option("--runtime", help="Its runtime.  [default: by what is in DIR]")
@click.option("--bucket", help="A bucket of the running server whose objects are tried.")
@click.option(
    "--source", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder whose files are tried."
)
@click.option("--key", help="The object to begin with.  [default: the first]")
@click.option("--access-point", "name", help="The Object Lambda access point.  [default: DIR's name and -dev]")
@click.option("--memory", type=click.IntRange(128, 10_240), default=512, show_default=True, help="MiB.")
@click.option("--timeout", type=click.IntRange(1, 900), default=TIMEOUT, show_default=True, help="Seconds.")
@click.option("--env", "variables", metavar="NAME=VALUE", multiple=True, help="A variable of the function; repeatable.")
@click.option("--code-bucket", help="A bucket of the running server for packages of more than 50 MB.")
@click.option("--no-repeat", is_flag=True, help="After a save, deploy only; without it the last request is repeated.")
@click.option("--once", is_flag=True, help="Deploy once, ask once, print what came of it, and end.")
@data_option
@config_option
@json_option
def command(
    *,
    folder: Path,
    handler: str | None,
    runtime: str | None,
    bucket: str | None,
    source: Path | None,
    key: str | None,
    name: str | None,
    memory: int,
    timeout: int,
    variables: tuple[str, ...],
    code_bucket: str | None,
    no_repeat: bool,
    once: bool,
    data: Path,
    config: Path | None,
    as_json: bool,
) -> None:
    """Deploy the Lambda handler in DIR at every save, and show what it makes of an object."""
    if as_json and not once:
        raise click.UsageError("--json goes with --once")
    if (bucket is None) == (source is None):
        raise click.UsageError("name either --source FOLDER, for a private server, or --bucket of the running one")
    folder = folder.resolve()
    runtime = runtime or default_runtime(folder)
    name = name or _name_of(folder)
    plan = Plan(
        name=name,
        runtime=runtime,
        handler=handler or default_handler(runtime),
        memory=memory,
        timeout=timeout,
        environment=dict(pair(one) for one in variables) if variables else None,
        code_bucket=code_bucket or (_CODE_BUCKET if source else None),
    )
    try:
        with ending_in_order(), _server(data, config, source, bucket) as (where, clients, objects):
            project = Project(folder, plan, clients=clients, data=where, bucket=objects, name=name)
            if once:
                sys.exit(_once(project, key, as_json=as_json))
            with keyboard() as pressed:
                _Session(project, key, Console(), repeat=not no_repeat).run(pressed)
    except KeyboardInterrupt:
        return


def _name_of(folder: Path) -> str:
    """Return a name for function and access point, within what S3 and Lambda allow."""
    return f"{re.sub('[^a-z0-9]+', '-', folder.name.lower()).strip('-')[:36] or 'function'}-dev"


@contextmanager
def _server(
    data: Path, config: Path | None, source: Path | None, bucket: str | None
) -> Iterator[tuple[Path, Callable[[], Clients], str]]:
    if source is None:
        assert bucket is not None
        yield data, Running(data, config), bucket
        return
    with private_server(source, _SOURCE_BUCKET) as (where, clients):
        clients.s3.create_bucket(Bucket=_CODE_BUCKET)
        yield where, lambda: clients, _SOURCE_BUCKET


def _once(project: Project, key: str | None, *, as_json: bool) -> int:
    """Deploy and ask once; returns the exit code."""
    console, progress = Console(), Console(stderr=True)
    key = key or _first_key(project)
    with progress.status("building") as status:
        deployed = project.deploy(lambda line: status.update(Text(line[:200])))
        answered = project.ask(key) if deployed.error is None else None
    good = answered is not None and answered.error is None
    if as_json:
        print_json(_facts(project, key, deployed, answered))
        return 0 if good else 1
    for line in _said(deployed, answered):
        console.print(line, soft_wrap=True)
    if answered is not None:
        if console.is_terminal and answered.pictures and not console.no_color:
            console.print(pictures.blocks(answered.pictures, console.width))
        console.print(log_text(answered.log), soft_wrap=True)
    return 0 if good else 1


def _first_key(project: Project) -> str:
    keys = project.keys()
    if not keys:
        raise click.ClickException(f"the bucket {project.bucket} has no objects: put one there, or name a --key")
    return keys[0]


def _said(deployed: Deployed, answered: Answered | None) -> Iterator[Text]:
    yield Text("deploy   ") + deploy_line(deployed)
    if answered is not None:
        yield Text("request  ") + request_line(answered)


def _facts(project: Project, key: str, deployed: Deployed, answered: Answered | None) -> dict[str, object]:
    request = None
    if answered is not None:
        request = {name: value for name, value in asdict(answered).items() if name not in {"pictures", "log"}}
        request["picture"] = bool(answered.pictures) and pictures.size(answered.pictures[-1])
    return {
        "function": project.plan.name,
        "access_point": project.access_point or None,
        "alias": project.alias or None,
        "command": try_command(project, key),
        "deploy": asdict(deployed),
        "request": request,
        "log": list(answered.log) if answered else [],
    }


class _Session:
    """The loop: look at the folder, at the keyboard, and show what changed."""

    def __init__(self, project: Project, key: str | None, console: Console, *, repeat: bool) -> None:
        self._project = project
        self._console = console
        # One that can move no cursor gets lines, as a pipe does.
        self._live = console.is_terminal and not console.is_dumb_terminal
        self._size = console.size
        self._repeat = repeat
        self._key = key or _first_key(project)
        self._state = State()
        self._show: Callable[[], None] = lambda: None

    def run(self, pressed: Pressed) -> None:
        """Go on until `q` or Ctrl-C."""
        watch = Watch(self._project.folder)
        with Live(console=self._console, auto_refresh=False, screen=self._live) as live:
            if self._live:
                self._show = lambda: live.update(self._drawn(), refresh=True)
            self._deploy(ask=True)
            while (key := pressed(_POLL)) != "q":
                if self._console.size != self._size:
                    self._show()
                if key in {"n", "p"}:
                    self._move(1 if key == "n" else -1)
                if key in {"r", "n", "p"} and self._project.alias:
                    self._ask()
                if watch.changed():
                    self._deploy(ask=self._repeat)

    def _drawn(self) -> RenderableType:
        self._size = self._console.size
        return screen(self._project, self._state, self._key, self._console)

    def _deploy(self, *, ask: bool) -> None:
        self._doing("building")
        deployed = self._project.deploy(self._doing)
        self._state.doing, self._state.deployed = "", deployed
        self._tell(Text("deploy   ") + deploy_line(deployed))
        if ask and deployed.error is None:
            self._ask()

    def _ask(self) -> None:
        self._state.answered = self._project.ask(self._key)
        self._tell(Text("request  ") + request_line(self._state.answered), *self._state.answered.log)

    def _move(self, by: int) -> None:
        try:
            keys = self._project.keys() or [self._key]
        except click.ClickException:  # the request that follows shows why
            return
        index = keys.index(self._key) + by if self._key in keys else 0
        self._key = keys[index % len(keys)]

    def _doing(self, what: str) -> None:
        self._state.doing = what
        self._show()

    def _tell(self, *lines: Text | str) -> None:
        """Show the state; where no terminal is, what is new of it."""
        self._show()
        if not self._live:
            # Past the console: a signal between its writing and its forgetting would have it write the same once more.
            self._console.file.write("".join(f"{harmless(str(line))}\n" for line in lines))
            self._console.file.flush()
