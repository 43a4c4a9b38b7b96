"""The steps of the README, typed as they stand there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def steps():
    """Return the commands of each numbered step."""
    by_hand = (ROOT / "README.md").read_text().partition("\n## Do it by hand\n")[2].partition("\n## ")[0]
    parts = re.split(r"^\*\*\d+\.\*\*", by_hand, flags=re.MULTILINE)[1:]
    blocks = [re.search(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)[1] for part in parts]
    return [block.replace(". .venv/bin/activate\n", "") for block in blocks]


@pytest.fixture
def shell(tmp_path):
    """Run commands in an empty directory that has the repository's examples, as a user in a clone would."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OBJECTLENS_"))}
    environ |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OBJECTLENS_SERVER_LISTEN": "127.0.0.1:0",
        "AWS_PAGER": "",
    }

    def start(commands, **options):
        return subprocess.Popen(["bash", "-e", "-c", commands], cwd=tmp_path, env=environ, **options)

    return start


def test_the_ten_steps_of_the_readme(shell, tmp_path):
    typed = steps()
    assert len(typed) == 10
    # `exec`, so that the signal at the end reaches the server itself.
    serve = typed[1].replace("objectlens serve", "exec objectlens serve")
    with (tmp_path / "log").open("wb") as log, shell(serve, stdout=log, stderr=log) as server:
        try:
            endpoint = tmp_path / "objectlens-data" / "endpoint"
            deadline = time.monotonic() + 60
            while not endpoint.exists():
                assert server.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with shell("\n".join(typed[2:]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as user:
                said, _ = user.communicate(timeout=100)
            assert user.returncode == 0, said
        finally:
            server.send_signal(signal.SIGTERM)
    image = cv2.imdecode(np.frombuffer((tmp_path / "out.jpg").read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image.shape == (256, 256)
    assert "REPORT RequestId" in said
