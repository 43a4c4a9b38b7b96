"""What a user may set: a TOML file, the environment and the command line become one frozen value per room.

What flows through: text comes in, `Settings` goes out, checked to the last key; whoever holds one need not ask again.
Every setting stands in docs/settings.md. `root_credentials` alone writes: it makes the root's key on first start.

What it is not: no room reads it by itself. The `service` room takes `Settings` apart and gives each room its value.
"""

from __future__ import annotations

from objectlens.settings.credentials import Credentials, root_credentials
from objectlens.settings.kinds import Listen
from objectlens.settings.sources import SettingsError, load
from objectlens.settings.values import (
    AccountSettings,
    AdmissionSettings,
    CacheSettings,
    DatabaseSettings,
    FolderSettings,
    FunctionSettings,
    MeteringSettings,
    RemoteSettings,
    RootSettings,
    ServerSettings,
    Settings,
    TransformSettings,
)

__all__ = [
    "AccountSettings",
    "AdmissionSettings",
    "CacheSettings",
    "Credentials",
    "DatabaseSettings",
    "FolderSettings",
    "FunctionSettings",
    "Listen",
    "MeteringSettings",
    "RemoteSettings",
    "RootSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "TransformSettings",
    "load",
    "root_credentials",
]
