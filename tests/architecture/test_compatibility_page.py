"""docs/compatibility.md: every row has a status, and every test that it names is there, once."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text()
TABLES = PAGE[PAGE.index("## 1. ") : PAGE.index("## 18. ")]
EXPECTED = ROOT / "tests" / "conformance" / "s3_tests" / "expected.toml"
STATUSES = ("as AWS", "differs: ", "not served", "open: ", "no concern", "accepted, ")


def rows() -> list[list[str]]:
    lines = [line for line in TABLES.splitlines() if line.startswith("| ") and not line.startswith(("| --", "| State"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_section_of_the_wire_is_there() -> None:
    for number in range(1, 13):
        assert f"\n## {number}. " in PAGE
    assert len(rows()) > 80


def test_every_statement_has_a_status() -> None:
    for row in rows():
        assert len(row) == 3, row
        assert row[1].startswith(STATUSES), row


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+\.py)`", PAGE))))
def test_every_named_test_is_there_once(name) -> None:
    assert len(list((ROOT / "tests").rglob(name))) == 1


def test_every_conformance_test_of_object_lambda_is_named() -> None:
    names = {path.name for path in (ROOT / "tests" / "conformance" / "object_lambda").glob("test_*.py")}
    # Native transforms are this server's own: AWS says nothing of them.
    for name in sorted(name for name in names if not name.startswith("test_native_")):
        assert f"`{name}`" in PAGE, name


def test_every_failure_of_ceph_s3_tests_is_told_with_its_reason() -> None:
    told = PAGE[PAGE.index("## S3, and the field's own tests") :]
    for failure in tomllib.loads(EXPECTED.read_text())["failure"]:
        row = next((line for line in told.splitlines() if f"| {failure['reason']} |" in line), "")
        names = set(re.findall(r"`(test_\w+)`", row))
        assert row, failure["reason"]
        assert names == set(failure.get("tests", ()))
