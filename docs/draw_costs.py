"""Draws the pictures of docs/costs.md: `python docs/draw_costs.py`.

Everything in them was measured: the demo's server and handler, photographs, two training jobs that read them.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from objectlens.cli.clients import Clients, clients_at, reach
from objectlens.cli.cost_screen import screen
from objectlens.cli.ledger import read_rows
from objectlens.cli.publishing import Plan, put_access_point, put_function, transformation
from objectlens.cli.tuning_runs import Reader
from objectlens.metering.costs import Library, compare, make_report, selection_of

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "demo"))

from server import Server  # noqa: E402

IMAGES = ROOT / "docs" / "images"
HANDLER = ROOT / "examples" / "functions" / "image-normalizer" / "lambda_function.py"
PLAN = Plan(
    name="image-normalizer",
    runtime=f"python3.{sys.version_info.minor}",
    handler="lambda_function.lambda_handler",
    memory=512,
)
BUCKET = "photographs"
JOBS = {"resnet": 8, "depth-estimation": 3}
WIDTH = 118


def main() -> None:
    """Run, and draw both pictures."""
    with tempfile.TemporaryDirectory() as output:
        server = Server(Path(output) / "run")
        server.environ["OBJECTLENS_FUNCTIONS_PROCESSORS"] = "limit"
        try:
            server.start()
            _run(server.data)
        finally:
            server.stop()


def _run(data: Path) -> None:
    store = ["--store", (ROOT / "examples" / BUCKET).as_uri(), "--data", str(data)]
    subprocess.run([sys.executable, "-m", "objectlens", "bucket", "add", BUCKET, *store], check=True)
    reader = Reader(*reach(data, None, None))
    clients = clients_at(reader.url, reader.session, reader.region)
    point = _deploy(clients)
    listed = clients.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    keys = [one["Key"] for one in listed if one["Key"].endswith((".jpg", ".png"))]
    for job, epochs in JOBS.items():
        _read(reader, job, point, keys * epochs)
    _draw_report(data)
    command = [sys.executable, "-m", "objectlens", "tune", PLAN.name, "--keys", ",".join(keys), "--data", str(data)]
    command += ["--memory", "128,256,512,1024,1769", "--concurrency", "1,2", "--rounds", "4"]
    subprocess.run([*command, "--plot", str(IMAGES / "tune.svg")], check=True)


def _deploy(clients: Clients) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(HANDLER, HANDLER.name)
    function = put_function(clients, PLAN, package.getvalue())
    made = put_access_point(clients, "normalized", BUCKET, transformation(("GetObject",), {"FunctionArn": function}))
    return made["access_point"]


def _read(reader: Reader, job: str, point: str, keys: list[str]) -> None:
    client = reader.client(job, 2)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda key: client.get_object(Bucket=point, Key=key)["Body"].read(), keys))


def _draw_report(data: Path) -> None:
    selection, library = selection_of("job", None, None), Library.of(())
    rows = read_rows(data, None, None, selection)
    report = make_report(rows, selection, library, library.host(None))
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(screen(report, compare(rows, report.book, report.host), WIDTH))
    console.save_svg(str(IMAGES / "cost-report.svg"), title="objectlens cost report --by job")


if __name__ == "__main__":
    main()
