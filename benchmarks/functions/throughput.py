"""Photographs per second through the unmodified handler of the demo, beside the bare loop that is its yardstick.

The yardstick runs OpenCV as it is. Accelerated handlers average pixels in less time than it does; what the runtime
alone costs is told by the handler whose OpenCV is left alone as well.
"""

from __future__ import annotations

import photographs
from contestants import CLIENTS, HANDLER, bare, through
from functions.found import Asked, Found, Say, Target, line
from live import Server
from reference_job import alternate
from results import Figure

TARGETS = {"500x375": 0.60, "1600x1200": 0.88}
ACCELERATED = "objectlens, accelerated"
OFF = {"OBJECTLENS_ACCELERATE": "0"}
AWS = {"OBJECTLENS_ACCELERATE": "aws"}


def measure(server: Server, asked: Asked, say: Say) -> dict[str, Found]:
    """Return rates as ratios to the bare loop's, in each round bare, accelerated, but for OpenCV, and not at all."""
    found = {}
    for size in asked.sizes:
        folder = server.folder / f"throughput-{size}"
        folder.mkdir()
        files = photographs.make(folder, size, asked.photographs)
        server.upload(files)
        accelerated = server.handler(f"accelerated-{size}", HANDLER)
        opencvs = server.handler(f"opencv-as-it-is-{size}", HANDLER, variables=AWS)
        plain = server.handler(f"not-accelerated-{size}", HANDLER, variables=OFF)
        figures = alternate(
            [
                bare(files),
                through(server, ACCELERATED, accelerated, files),
                through(server, "objectlens, accelerated but for OpenCV", opencvs, files),
                through(server, "objectlens, acceleration off", plain, files),
            ],
            asked.seconds,
            asked.rounds,
            lambda text, size=size: say(f"throughput, {size}: {text}"),
        )
        target = Target(side="at least", limit=TARGETS[size])
        lines = [
            line(one.name, one.ratio, "x bare", target if one.name == ACCELERATED else None, _note(one))
            for one in figures
        ]
        found[f"throughput-{size}"] = Found(
            title=f"Unmodified handler, {size}, {CLIENTS} connections: photographs per second, 1 = bare OpenCV loop",
            lines=lines,
            axis="ratio to the bare loop of two threads",
            mark=TARGETS[size],
            bars={one.name: one.ratio for one in figures},
        )
    return found


def _note(one: Figure) -> str:
    middle, least, most = (f"{value:,.0f}" for value in one.rate)
    times = f"p50 {one.p50:.1f} ms, p99 {one.p99:.1f} ms"
    return f"{middle} a second ({least} to {most}), {times}, {one.cpu:.2f} ms of processor"
