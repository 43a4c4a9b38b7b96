"""The repository itself: its documents agree with the code, and nothing in it belongs to somebody's machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from objectlens.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def text(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def lines_with(pattern):
    found = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files()
        for number, line in enumerate(text(path).splitlines(), 1)
        if found.search(line)
    ]


def test_no_file_names_a_package_registry():
    assert lines_with(r"https?://[^\s\"']*(py" + r"pi|n" + r"pm|deb" + r"ian)") == []


def test_no_file_names_a_path_of_somebodys_machine():
    assert lines_with(r"(?<![\w.])/(wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+)/") == []


def test_the_licence_is_whole():
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License, Version 2.0" in (ROOT / "NOTICE").read_text()


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page):
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not link.startswith(("http://", "https://")):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(link)
    assert broken == []


def shell_blocks(page):
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def make_verbs():
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_documents_exists(page):
    content = page.read_text()
    commands = set(re.findall(r"`objectlens ([a-z]+)\b", content))
    commands |= {name for block in shell_blocks(page) for name in re.findall(r"\bobjectlens ([a-z]+)\b", block)}
    verbs = set(re.findall(r"(?:`|^)make ([a-z]+)\b", content, re.MULTILINE))
    assert {one for one in commands if main.get_command(None, one) is None} == set()
    assert verbs - make_verbs() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_the_documents_name_exists(page):
    named = re.findall(r"`((?:src|tests|docs|examples|benchmarks)/[\w./-]+)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_names_the_test_command_and_ci_calls_it():
    readme = "".join(shell_blocks(ROOT / "README.md")).splitlines()
    assert "make demo" in readme
    assert "make test" in readme
    ci = ROOT / ".ci" / "run"
    assert "make test" in ci.read_text().splitlines()
    assert ci.stat().st_mode & 0o111


def test_every_verb_of_the_makefile_is_in_its_help():
    makefile = (ROOT / "Makefile").read_text()
    assert {verb for verb in make_verbs() if f"'make {verb} " not in makefile} == {"help"}


def test_the_picture_of_the_rooms_is_the_contract():
    picture = (ROOT / "ARCHITECTURE.md").read_text().partition("## The rooms")[2].split("```")[1]
    drawn = [re.split(r"\s{2,}", line)[0] for line in picture.strip().splitlines()]
    contract = next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    assert drawn == contract["layers"]


def test_every_room_says_what_it_is():
    rooms = [path for path in (ROOT / "src/objectlens").iterdir() if (path / "__init__.py").exists()]
    assert len(rooms) > 10
    assert [room.name for room in rooms if not (room / "__init__.py").read_text().startswith('"""')] == []


def test_decisions_are_numbered_without_gaps():
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    headings = [page.read_text().partition("\n")[0] for page in pages]
    assert [heading[2:6] for heading in headings] == [page.name[:4] for page in pages]


def test_the_changelog_has_a_place_for_what_comes_next():
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_every_photograph_has_its_licence_and_all_are_small():
    folder = ROOT / "examples" / "photographs"
    photographs = [path for path in folder.iterdir() if path.suffix in {".jpg", ".png"}]
    licences = (folder / "LICENSES.md").read_text()
    assert len(photographs) >= 10
    assert [path.name for path in photographs if f"| `{path.name}` |" not in licences] == []
    assert sum(path.stat().st_size for path in photographs) < 3_000_000


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def pinned():
    return [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")]


def test_the_lock_pins_versions_and_nothing_else():
    assert [line for line in pinned() if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    assert {name_of(line) for line in pinned()} & {"torch", "ray", "objectlens", "pip"} == set()


def test_the_lock_pins_everything_that_make_installs():
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [*PROJECT["project"]["dependencies"]]
    asked += [one for name, extra in extras.items() if name not in {"ray", "torch"} for one in extra]
    # The groups of the benchmarks are what we measure ourselves against, in its newest version.
    groups = [PROJECT["dependency-groups"][name] for name in ("demo", "dev")]
    asked += [one for group in groups for one in group if isinstance(one, str)]
    missing = {name_of(one) for one in asked} - {name_of(line) for line in pinned()} - {"objectlens"}
    assert missing == set(), "run: make lock"


def test_every_direct_dependency_is_explained():
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text().lower()
    extras = [one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra]
    names = {name_of(one) for one in [*PROJECT["project"]["dependencies"], *extras]} - {"objectlens"}
    assert {name for name in names if name not in page} == set()
