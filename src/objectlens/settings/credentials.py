"""The root's key: brought by the user, or made on first start and kept in the data directory.

The file is in the format that AWS's tools share, so that `AWS_SHARED_CREDENTIALS_FILE` may point to it.
"""

from __future__ import annotations

import configparser
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

from objectlens.settings.sources import SettingsError
from objectlens.settings.values import Settings

FILE_NAME = "credentials"
_PROFILE = "default"
# AWS's access keys are AKIA and 16 characters of base 32; their secrets 40 of base 64.
_BASE32 = string.ascii_uppercase + "234567"
_BASE64 = string.ascii_letters + string.digits + "+/"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key with its secret."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def root_credentials(settings: Settings) -> Credentials:
    """Return the root's key: the one that is set, else the one kept in `DIR/credentials`, else a new one kept there.

    Makes the data directory when it is missing. Raises `SettingsError` when the file cannot be used, `OSError` when it
    cannot be written.
    """
    if settings.root.access_key_id and settings.root.secret_access_key:
        return Credentials(settings.root.access_key_id, settings.root.secret_access_key)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = read_credentials(settings.data)
    if kept is None:
        _keep(_new_credentials(), settings.data / FILE_NAME)
        kept = read_credentials(settings.data)
    if kept is None:
        raise SettingsError(f"{settings.data / FILE_NAME} vanished while it was being made")
    return kept


def read_credentials(data: Path) -> Credentials | None:
    """Return the key kept in the data directory, None without one; raises `SettingsError` when it is unusable."""
    path = data / FILE_NAME
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            parser.read_file(file)
        section = parser[_PROFILE]
        credentials = Credentials(section["aws_access_key_id"], section["aws_secret_access_key"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, configparser.Error, KeyError):
        # The parser's words quote the line that it does not understand, which may be the secret.
        raise SettingsError(
            f"{path} is damaged: it must have the section [{_PROFILE}] with aws_access_key_id and "
            "aws_secret_access_key; restore it, or remove it to have a new key made"
        ) from None
    if mode & 0o077:
        raise SettingsError(
            f"{path} may be read by others (mode {mode:04o}): chmod 600 {path}, or set the key in the environment"
        )
    return credentials


def _new_credentials() -> Credentials:
    key = "AKIA" + "".join(secrets.choice(_BASE32) for _ in range(16))
    return Credentials(key, "".join(secrets.choice(_BASE64) for _ in range(40)))


def _keep(credentials: Credentials, path: Path) -> None:
    """Write the file in one step; when another process was faster, its file stays."""
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(
                f"[{_PROFILE}]\n"
                f"aws_access_key_id = {credentials.access_key_id}\n"
                f"aws_secret_access_key = {credentials.secret_access_key}\n"
            )
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            os.link(scratch, path)
    except FileExistsError:
        return
    finally:
        scratch.unlink()
