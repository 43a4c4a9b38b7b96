import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_docs_settings_is_as_the_code_has_it():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert generate.rendered(page) == page, "run: make docs"


def test_every_setting_is_used_by_the_assembly():
    from objectlens.settings.sources import keys
    from objectlens.settings.values import GROUPS, TABLES

    code = (ROOT / "src/objectlens/service.py").read_text() + (
        ROOT / "src/objectlens/settings/credentials.py"
    ).read_text()
    unused = [f"{table}.{key}" for table in TABLES for key in keys(table) if f"settings.{table}.{key}" not in code]
    unused += [f"{group}.{key}" for group in GROUPS for key in keys(group) if f"={group}.{key}" not in code]
    assert unused == []
