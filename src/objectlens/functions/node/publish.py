"""Putting a folder in its place for all processes at once."""

from __future__ import annotations

import secrets
from pathlib import Path


def point_to(link: Path, target: Path | None) -> None:
    """Make `link` a symbolic link to `target`, in one step; with None, remove it. A real folder there stays."""
    if link.exists() and not link.is_symlink():
        return
    if target is None:
        link.unlink(missing_ok=True)
        return
    fresh = link.with_name(f".{link.name}-{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    fresh.replace(link)
