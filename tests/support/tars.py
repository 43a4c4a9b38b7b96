"""Tars to read."""

from __future__ import annotations

import io
import tarfile


def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    """Return a tar of these members; `mode` says how it is compressed, as with `tarfile.open`."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return sink.getvalue()
