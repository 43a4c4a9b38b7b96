"""Draws the pictures of docs/costs.md: `python docs/draw_costs.py`.

Everything in them was measured: a private server, the demo's handler, photographs, two training jobs that read them.
"""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

from rich.console import Console

from objectlens.cli.building import default_handler
from objectlens.cli.clients import Clients, reach
from objectlens.cli.cost_screen import screen
from objectlens.cli.ledger import read_rows
from objectlens.cli.private_server import private_server
from objectlens.cli.publishing import Plan, put_access_point, put_function, transformation
from objectlens.cli.tuning_runs import Reader
from objectlens.metering.costs import Library, compare, make_report, selection_of

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
FOLDER = ROOT / "examples" / "functions" / "image-normalizer"
RUNTIME = f"python3.{sys.version_info.minor}"
PLAN = Plan(name="image-normalizer", runtime=RUNTIME, handler=default_handler(RUNTIME), memory=512)
JOBS = {"resnet": 8, "depth-estimation": 3}
WIDTH = 118


def main() -> None:
    """Run, and draw both pictures."""
    with private_server(ROOT / "examples" / "photographs", "photographs") as (data, clients):
        point = _deploy(clients)
        reader = Reader(*reach(data, None, None))
        keys = [one["Key"] for one in clients.s3.list_objects_v2(Bucket="photographs")["Contents"]]
        keys = [key for key in keys if key.endswith((".jpg", ".png"))]
        with ThreadPoolExecutor(2) as threads:
            for job, epochs in JOBS.items():
                client = reader.client(job, 2)
                list(
                    threads.map(
                        lambda key, of=client: of.get_object(Bucket=point, Key=key)["Body"].read(), keys * epochs
                    )
                )
        _draw_report(data)
        command = [
            sys.executable,
            "-m",
            "objectlens",
            "tune",
            PLAN.name,
            "--keys",
            ",".join(keys[:4]),
            "--data",
            str(data),
        ]
        command += ["--memory", "128,256,512,1024", "--concurrency", "1,2", "--rounds", "8"]
        subprocess.run([*command, "--plot", str(IMAGES / "tune.svg")], check=True)


def _deploy(clients: Clients) -> str:
    package = io.BytesIO()
    with ZipFile(package, "w") as archive:
        archive.write(FOLDER / "lambda_function.py", "lambda_function.py")
    function = put_function(clients, PLAN, package.getvalue())
    made = put_access_point(
        clients, "normalized", "photographs", transformation(("GetObject",), {"FunctionArn": function})
    )
    return made["access_point"]


def _draw_report(data: Path) -> None:
    selection, library = selection_of("job", None, None), Library.of(())
    rows = read_rows(data, None, None, selection)
    report = make_report(rows, selection, library, library.host(None))
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen(report, compare(rows, report.book, report.host), WIDTH))
    console.save_svg(str(IMAGES / "cost-report.svg"), title="objectlens cost report --by job")


if __name__ == "__main__":
    main()
