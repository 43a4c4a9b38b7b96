"""The certificates of the door that only functions use (docs/decisions/0011-names-inside-environments.md).

An `Authority` belongs to a data directory: its key never leaves the file that only the owner may read. Its certificate
says what it may sign for (RFC 5280 section 4.2.1.10), the names that are led to this service and loopback, so that who
got hold of the key could deceive nobody but this service's own functions, about this service.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FILE_NAME = "authority.pem"
LIFE = timedelta(days=3650)
# A machine's clock may have been wrong when a certificate was made.
SLACK = timedelta(days=1)
LEAF_LIFE = timedelta(days=30)
_AMAZON = ("amazonaws.com", "amazonaws.com.cn")
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
_ORGANISATION = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "objectlens, this data directory alone")])


class Authority:
    """Signs certificates for the names of its data directory's service."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def certificate(self) -> bytes:
        """The certificate to trust, in PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, names: Sequence[str], now: datetime) -> bytes:
        """Return a certificate for these names and addresses, and its key, in PEM."""
        public = self._leaf_key.public_key()
        builder = (
            _builder(public, now, LEAF_LIFE)
            .subject_name(x509.Name([]))
            # Without a subject the names must count (RFC 5280 section 4.1.2.6).
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        certificate = builder.sign(self._key, SHA256())
        return certificate.public_bytes(Encoding.PEM) + _key_pem(self._leaf_key)


def open_authority(data: Path, domains: Sequence[str], now: datetime) -> Authority:
    """Return the authority kept in the data directory, or make it; `domains` are the names of this service itself.

    It is made anew when it may not sign for these names or would not last another year: nothing trusts it longer than
    this server runs. Raises `ValueError` with the remedy when the file cannot be used, `OSError` when it cannot be read
    or written.
    """
    path = data / FILE_NAME
    wanted = _constraints(domains)
    kept = _read(path) if path.exists() else None
    if kept is None or not _fits(kept[1], wanted, now):
        kept = _make(wanted, now)
        _write(path, kept[1].public_bytes(Encoding.PEM) + _key_pem(kept[0]))
    return Authority(*kept)


def _read(path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} may be read by others: remove it, and a new one is made")
    content = path.read_bytes()
    try:
        key, certificate = load_pem_private_key(content, None), x509.load_pem_x509_certificate(content)
    except ValueError:
        raise ValueError(f"{path} is damaged: remove it, and a new one is made") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(f"{path} holds a key and a certificate that do not belong together: remove it")
    return key, certificate


def _fits(certificate: x509.Certificate, wanted: x509.NameConstraints, now: datetime) -> bool:
    lasts = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - LIFE / 10
    try:
        return lasts and certificate.extensions.get_extension_for_class(x509.NameConstraints).value == wanted
    except x509.ExtensionNotFound:
        return False


def _make(wanted: x509.NameConstraints, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    builder = (
        _builder(public, now, LIFE)
        .subject_name(_ORGANISATION)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, decipher_only=False, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(wanted, critical=True)
    )
    return key, builder.sign(key, SHA256())


def _builder(public: ec.EllipticCurvePublicKey, now: datetime, life: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(_ORGANISATION)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + life)
    )


def _constraints(domains: Sequence[str]) -> x509.NameConstraints:
    return x509.NameConstraints(permitted_subtrees=list(_permitted(domains)), excluded_subtrees=None)


def _permitted(domains: Sequence[str]) -> Iterator[x509.GeneralName]:
    names = {name for name in domains if not _is_address(name)}
    for name in sorted(names.union(_AMAZON)):
        yield x509.DNSName(name)
    for network in _LOOPBACK:
        yield x509.IPAddress(network)
    for address in sorted({name for name in domains if _is_address(name)}):
        network = ip_network(address)
        if not any(ip_address(address) in loopback for loopback in _LOOPBACK):
            yield x509.IPAddress(network)


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write the file in one step, readable by its owner alone."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
