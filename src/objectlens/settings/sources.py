"""From the three sources to `Settings`: the file is overruled by the environment, that by the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from objectlens.settings.values import GROUPS, TABLES, RemoteSettings, Settings

CONFIG_NAME = "objectlens.toml"
PREFIX = "OBJECTLENS_"
# Without `_`, which parts name and key in the environment.
_NAME = re.compile(r"[a-z][a-z0-9]{0,31}")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the key, the value, its source and what is allowed."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as a source gives it. `source` says which, in words for an error message."""

    table: str
    key: str
    value: Any
    source: str


def load(
    *,
    data: Path,
    environ: Mapping[str, str],
    config: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings that rule the data directory `data`.

    `config` is the TOML file, by default `objectlens.toml` in `data` if there is one. `options` are the command line's,
    by `table.key`; those that are None are not given. Raises `SettingsError`.
    """
    data = data.expanduser().absolute()
    given = [*_from_file(config, data), *_from_environment(environ), *_from_options(options or {})]
    tables: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
    for one in given:
        tables.setdefault(one.table, {})[one.key] = _parse(one)
    made: dict[str, Any] = {name: _declared(name)(**values) for name, values in tables.items()}
    groups: dict[str, Any] = {group: _members(group, made) for group in GROUPS}
    settings = Settings(data=data, **{name: made[name] for name in TABLES}, **groups)
    if (settings.root.access_key_id is None) != (settings.root.secret_access_key is None):
        raise SettingsError(
            "root.access_key_id and root.secret_access_key belong together: set both "
            "(OBJECTLENS_ROOT_ACCESS_KEY_ID and OBJECTLENS_ROOT_SECRET_ACCESS_KEY) or neither"
        )
    for name, remote in settings.remote.items():
        _check_remote(name, remote, settings)
    return settings


def _check_remote(name: str, remote: RemoteSettings, settings: Settings) -> None:
    if not remote.functions:
        raise SettingsError(f"remote.{name}.functions is missing: say by their ARNs which functions run there")
    if not remote.signed and remote.endpoint is None:
        raise SettingsError(
            f"remote.{name}.endpoint is missing: without it the endpoint is AWS's, which takes signed requests only"
        )
    if remote.public_url is None and settings.server.public_url is None:
        raise SettingsError(
            f"remote.{name} needs an address at which its functions reach this server: set server.public_url, "
            'such as "https://lens.example.org"'
        )


def _declared(table: str) -> type:
    return TABLES.get(table) or GROUPS[table.partition(".")[0]]


def _members(group: str, made: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(f"{group}."): one for name, one in made.items() if name.startswith(f"{group}.")}


def keys(table: str) -> dict[str, Field[Any]]:
    """Return the fields of a table by name, in the order of the documentation.

    `remote` stands for each `remote.NAME`.
    """
    return {one.name: one for one in fields(_declared(table))}


def _from_file(config: Path | None, data: Path) -> Iterator[_Given]:
    path = config or data / CONFIG_NAME
    if config is None and not path.exists():
        return
    try:
        # Editors on Windows begin files with a mark.
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {path}: {error}") from error
    for table, values in _tables(document, path):
        for key, value in values.items():
            _known(table, key, f"{table}.{key} in {path}")
            yield _Given(table, key, value, str(path))


def _tables(document: Mapping[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for table, values in document.items():
        if table not in TABLES and table not in GROUPS:
            raise SettingsError(f"[{table}] in {path} is not a table of settings; {_nearest(table, TABLES | GROUPS)}")
        if not isinstance(values, dict):
            raise SettingsError(
                f"{table} = {values!r} in {path}: {table} is a table, write [{table}] and its keys below"
            )
        if table in TABLES:
            yield table, values
            continue
        for name, members in values.items():
            if not isinstance(members, dict) or not members:
                raise SettingsError(f"{table}.{name} in {path}: write [{table}.NAME] and its keys below")
            yield _named(table, name, f"[{table}.{name}] in {path}"), members


def _named(group: str, name: str, where: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise SettingsError(f"{where}: a name begins with a letter and has at most 32 lower-case letters and digits")
    return f"{group}.{name}"


def _from_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for name in sorted(environ):
        # A name that starts like no table is somebody else's, such as OBJECTLENS_DATA or a container platform's
        # OBJECTLENS_PORT; one that starts like a table is meant for us and has to be right.
        table, parted, key = name.removeprefix(PREFIX).lower().partition("_")
        if not (name.startswith(PREFIX) and parted and (table in TABLES or table in GROUPS)):
            continue
        if table in GROUPS:
            member, _, key = key.partition("_")
            table = _named(table, member, f"the environment variable {name}")
        _known(table, key, f"the environment variable {name}")
        yield _Given(table, key, environ[name], f"the environment variable {name}")


def _from_options(options: Mapping[str, Any]) -> Iterator[_Given]:
    for name, value in options.items():
        table, _, key = name.partition(".")
        if value is not None:
            yield _Given(table, key, value, f"the option --{key.replace('_', '-')}")


def _known(table: str, key: str, where: str) -> None:
    if key not in keys(table):
        raise SettingsError(f"{where} is not a setting; {_nearest(key, keys(table))}")


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def _parse(given: _Given) -> Any:
    metadata = keys(given.table)[given.key].metadata
    try:
        return metadata["kind"].parse(given.value)
    except (ValueError, OverflowError):
        shown = "(hidden)" if metadata["secret"] else repr(given.value)
        raise SettingsError(
            f"{given.table}.{given.key} = {shown} (from {given.source}) is not allowed: "
            f"it takes {metadata['kind'].allowed}"
        ) from None
