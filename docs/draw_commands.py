"""Draws what `objectlens function dev` and `objectlens functions top` show: `python docs/draw_commands.py`.

Everything in the pictures happened: a private server, the demo's handler, photographs, requests.
"""

from __future__ import annotations

import io
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType

from objectlens.cli.clients import Clients
from objectlens.cli.dev_screen import State, screen
from objectlens.cli.developing import Project
from objectlens.cli.figures import Source, row
from objectlens.cli.private_server import private_server
from objectlens.cli.publishing import Plan, put_function
from objectlens.cli.top import table

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
FOLDER = ROOT / "examples" / "functions" / "image-normalizer"
SECONDS = 4.0
PLAN = Plan(
    name="image-normalizer-dev", runtime="python3.11", handler="lambda_function.lambda_handler", memory=512, timeout=60
)


def main() -> None:
    """Draw both."""
    with private_server(ROOT / "examples" / "photographs", "photographs") as (data, clients):
        project = Project(FOLDER, PLAN, clients=lambda: clients, data=data, bucket="photographs", name=PLAN.name)
        state = State(deployed=project.deploy(lambda _: None))
        project.ask("rocket.jpg")
        state.answered = project.ask("rocket.jpg")
        _draw_top(data, project, clients)
        console = _console(116, 38)
        project.data = Path("objectlens-data")
        _save(console, screen(project, state, "rocket.jpg", console), "function-dev", "objectlens function dev")


def _draw_top(data: Path, project: Project, clients: Clients) -> None:
    package = io.BytesIO()
    broken = "def lambda_handler(event, context):\n    return 1 / event\n"
    _zip(package, broken)
    put_function(clients, replace(PLAN, name="unlucky", memory=128), package.getvalue())
    source, stop = Source(data, None, None), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            project.ask("rocket.jpg")

    def invoke() -> None:
        while not stop.is_set():
            clients.functions.invoke(FunctionName="unlucky", Payload=b"0" if time.time() % 1 < 0.2 else b"1")

    threads = [threading.Thread(target=one) for one in (ask, ask, invoke)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(SECONDS)
        before = {one.function: one for one in source.read()}
        time.sleep(SECONDS)
        rows = [row(one, before[one.function], SECONDS) for one in source.read()]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    _save(_console(116, 8), table(rows, time.time()), "functions-top", "objectlens functions top")


def _zip(file: io.BytesIO, code: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("lambda_function.py", code)


def _console(width: int, height: int) -> Console:
    return Console(
        width=width, height=height, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )


def _save(console: Console, drawn: RenderableType, name: str, title: str) -> None:
    console.print(drawn)
    console.save_svg(str(IMAGES / f"{name}.svg"), title=title)


if __name__ == "__main__":
    main()
