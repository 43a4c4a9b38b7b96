"""The files by which functions trust this service's certificates, and still all others that they would."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import botocore

# Where distributions keep all roots in one file: Debian and Arch, Red Hat, SUSE, Alpine.
_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Trust(NamedTuple):
    """PEM files: this service's own authority, and a bundle of it and the machine's roots."""

    authority: Path
    bundle: Path


def write_trust(folder: Path, certificate: bytes) -> Trust:
    """Write both files; `certificate` is the authority's, in PEM. Raises `OSError`."""
    for place in (folder.parent, folder):
        place.mkdir(exist_ok=True)
    trust = Trust(folder / "authority.pem", folder / "bundle.pem")
    trust.authority.write_bytes(certificate)
    trust.bundle.write_bytes(usual_roots().read_bytes() + b"\n" + certificate)
    return trust


def usual_roots() -> Path:
    """Return the file of the roots that programs on this machine trust; on a machine without any, the AWS SDK's."""
    told = ssl.get_default_verify_paths().cafile
    places = [Path(place) for place in ((told,) if told else ()) + _SYSTEM]
    return next((place for place in places if place.is_file()), Path(botocore.__file__).with_name("cacert.pem"))
