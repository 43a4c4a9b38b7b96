"""What nobody should do, as `DEED` says.

All of it ends by itself: after `SECONDS`, and where limits are not known to be active (`LIMITED` is not 1) at sizes
that no machine minds.
"""

import os
import tempfile
import time
from pathlib import Path

LIMITED = os.environ["LIMITED"] == "1"
SECONDS = float(os.environ["SECONDS"])


def fork_bomb(until):
    first, children = os.getpid(), 0
    while time.time() < until:
        try:
            if LIMITED or (os.getpid() == first and children < 50):
                children += 1
                os.fork()
        except OSError:
            continue  # refused: a bomb tries again
    if os.getpid() != first:
        os._exit(0)


def memory_hog(until):
    kept = []
    while time.time() < until and len(kept) < (4096 if LIMITED else 32):
        kept.append(b"x" * 16 * 2**20)
    while time.time() < until:
        time.sleep(0.1)


def tmp_filler(until):
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="objectlens-bench-deed-") as file:
        for _ in range(640 if LIMITED else 32):
            file.write(bytes(16 * 2**20))
            if time.time() > until:
                break


def many_files(until):
    with tempfile.TemporaryDirectory() as folder:
        kept = [(Path(folder) / str(number)).open("w") for number in range(10_000)]
        print(len(kept), "files are open")


def sleeper(until):
    time.sleep(3600)


def shouter(until):
    line = b"x" * 1023 + b"\n"
    for _ in range(10 * 2**30 // 2**16):
        os.write(1, line * 64)
        if time.time() > until:
            break


def lambda_handler(event, context):
    globals()[os.environ["DEED"]](time.time() + SECONDS)
