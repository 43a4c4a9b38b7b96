"""`make s3-tests`: the public suite ceph/s3-tests against a server of ours.

The suite is not part of this repository: `git clone https://github.com/ceph/s3-tests`, and say where with `S3_TESTS`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from conformance.s3_tests import configuration
from conformance.s3_tests.score import Known, Score, as_json, surprises, table
from conformance.s3_tests.selection import Selection
from support.live import start_server, stop_server

HERE = Path(__file__).parent
# One test waits for nothing longer than a few seconds; the whole suite takes some minutes.
DEADLINE = 3600


def main() -> int:
    arguments = _arguments()
    if not (arguments.suite / "s3tests").is_dir():
        print(f"{arguments.suite} is no checkout of ceph/s3-tests: clone it, and say make s3-tests S3_TESTS=FOLDER")
        return 2
    selection = Selection.read(HERE / "selection.toml")
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = (arguments.out / "results.jsonl").resolve()
    results.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "data", env={"OBJECTLENS_ACCOUNT_ACLS": arguments.acls})
        try:
            configuration.write(server, Path(folder) / "s3tests.conf")
            _run(arguments, selection, Path(folder) / "s3tests.conf", results)
        finally:
            stop_server(server)
    return _tell(arguments, selection, Score.read(results)) if results.exists() else 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path, help="a checkout of ceph/s3-tests")
    parser.add_argument("--python", default=sys.executable, help="a Python that has what the suite imports")
    parser.add_argument("--out", type=Path, default=Path("build/s3-tests"), help="where the score is written")
    parser.add_argument("--acls", choices=("true", "false"), default="false", help="the setting account.acls")
    parser.add_argument("--only", default="", help="an expression of pytest's -k")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, selection: Selection, config: Path, results: Path) -> None:
    command = [arguments.python, "-m", "pytest", "-q", "--tb=no", "--no-header", "--no-summary", "-p", "plugin"]
    command += ["-p", "no:cacheprovider", "-W", "ignore", *(["-k", arguments.only] if arguments.only else [])]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ |= {
        "S3TEST_CONF": str(config),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OBJECTLENS_S3_TESTS_RESULTS": str(results),
    }
    subprocess.run([*command, *selection.files], cwd=arguments.suite, env=environ, check=False, timeout=DEADLINE)


def _tell(arguments: argparse.Namespace, selection: Selection, score: Score) -> int:
    unexpected, mended = surprises(score, Known.read(HERE / "expected.toml", acls=arguments.acls == "true"))
    text = table(score, selection)
    (arguments.out / "score.md").write_text(text + "\n")
    (arguments.out / "score.json").write_text(json.dumps(as_json(score, selection), indent=2) + "\n")
    print(text)
    for name in unexpected:
        print(f"\nFAILED, which was not expected: {name}\n{score.reasons[name]}")
    for name in mended:
        print(f"\n{name} passes now: take it out of {HERE.name}/expected.toml and docs/compatibility.md")
    return 1 if unexpected or mended else 0


if __name__ == "__main__":
    sys.exit(main())
