"""Writes what is made from the code: the tables of docs/settings.md, and docs/transforms/schema.json.

`make docs` runs it; tests/architecture/test_settings_documented.py and tests/unit/transforms/test_transforms_docs.py
fail when it was forgotten.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from objectlens.settings.sources import PREFIX, keys
from objectlens.settings.values import GROUPS, TABLES
from objectlens.transforms.schema import pipeline_schema

PAGE = Path(__file__).with_name("settings.md")
SCHEMA = Path(__file__).with_name("transforms") / "schema.json"
BEGIN = "<!-- made by docs/generate.py: begin -->"
END = "<!-- made by docs/generate.py: end -->"


def main() -> None:
    """Write both anew."""
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(json.dumps(pipeline_schema(), indent=1) + "\n", encoding="utf-8")


def rendered(page: str) -> str:
    """Return the page with its tables as the code has them."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def tables() -> str:
    """Return a heading and a table for each table of settings."""
    return "\n\n".join((*(_table(name, name) for name in TABLES), *(_table(name, f"{name}.NAME") for name in GROUPS)))


def _table(name: str, title: str) -> str:
    lines = [
        f"### `[{title}]`",
        "",
        inspect.getdoc((TABLES | GROUPS)[name]) or "",
        "",
        "| Key | Environment | Takes | Unset | Meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, title, key) for key in keys(name)]
    return "\n".join(lines)


def _row(table: str, title: str, key: str) -> str:
    metadata = keys(table)[key].metadata
    default = (
        "none" if metadata["default"] is None else f"`{metadata['default']}`" if metadata["default"] != "" else "empty"
    )
    cells = (
        f"`{key}`",
        f"`{PREFIX}{title.replace('.', '_')}_{key}`".upper(),
        metadata["kind"].allowed,
        default,
        metadata["meaning"],
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
