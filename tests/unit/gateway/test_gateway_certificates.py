"""The authority of a data directory, and what programs trust."""

import asyncio
import os
import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from objectlens.gateway.certificates import FILE_NAME, LEAF_LIFE, LIFE, SLACK, open_authority
from objectlens.gateway.trust import usual_roots, write_trust

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
DOMAINS = ("lens.example", "localhost", "10.1.2.3", "127.0.0.1", "::1")


def test_it_is_made_once_and_kept_from_others(tmp_path) -> None:
    made = open_authority(tmp_path, DOMAINS, NOW)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert open_authority(tmp_path, DOMAINS, NOW + timedelta(days=3000)).certificate == made.certificate
    assert b"PRIVATE" not in made.certificate
    assert os.listdir(tmp_path) == [FILE_NAME]


@pytest.mark.parametrize(
    ("domains", "later"),
    [((*DOMAINS, "other.example"), timedelta()), (DOMAINS, LIFE * 0.91), (DOMAINS, -2 * SLACK)],
    ids=["other names", "too old", "not yet valid"],
)
def test_it_is_made_anew_when_it_would_not_do(tmp_path, domains, later) -> None:
    made = open_authority(tmp_path, DOMAINS, NOW)
    again = open_authority(tmp_path, domains, NOW + later)
    assert again.certificate != made.certificate
    assert open_authority(tmp_path, domains, NOW + later).certificate == again.certificate


def test_it_may_sign_for_the_services_names_and_loopback_only(tmp_path) -> None:
    certificate = x509.load_pem_x509_certificate(open_authority(tmp_path, DOMAINS, NOW).certificate)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees] == [
        "amazonaws.com",
        "amazonaws.com.cn",
        "lens.example",
        "localhost",
        "127.0.0.0/8",
        "::1/128",
        "10.1.2.3/32",
    ]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)


def test_what_it_issues_names_the_names_and_ends_soon(tmp_path) -> None:
    chain = open_authority(tmp_path, DOMAINS, NOW).issue(["s3.amazonaws.com", "127.0.0.1"], NOW)
    leaf = x509.load_pem_x509_certificate(chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["s3.amazonaws.com"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == LEAF_LIFE + SLACK


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.chmod(0o640), "may be read by others"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "is damaged"),
        (lambda path: path.write_bytes(b""), "is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, spoil, reason) -> None:
    open_authority(tmp_path, DOMAINS, NOW)
    spoil(tmp_path / FILE_NAME)
    with pytest.raises(ValueError, match=f"{FILE_NAME} {reason}: remove it"):
        open_authority(tmp_path, DOMAINS, NOW)


def test_a_key_of_another_authority_is_refused(tmp_path) -> None:
    open_authority(tmp_path, DOMAINS, NOW)
    other = tmp_path / "other"
    other.mkdir()
    open_authority(other, DOMAINS, NOW)
    key = (other / FILE_NAME).read_bytes().partition(b"-----BEGIN PRIVATE")
    certificate = (tmp_path / FILE_NAME).read_bytes().partition(b"-----BEGIN PRIVATE")[0]
    (tmp_path / FILE_NAME).write_bytes(certificate + key[1] + key[2])
    with pytest.raises(ValueError, match="do not belong together"):
        open_authority(tmp_path, DOMAINS, NOW)


async def shaken(authority, issued: str, asked: str, trusted: str) -> str:
    """Return the TLS version of a connection to a server with a certificate for `issued`, by a client for `asked`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = os.memfd_create("chain")
    os.write(chain, authority.issue([issued], datetime.now(UTC)))
    server.load_cert_chain(f"/proc/self/fd/{chain}")
    os.close(chain)

    async def greet(reader, writer) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = ssl.create_default_context(cadata=trusted)
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=asked)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
        return version


def test_programs_believe_it_within_its_bounds_only(tmp_path) -> None:
    authority = open_authority(tmp_path, DOMAINS, datetime.now(UTC))
    trusted = authority.certificate.decode()
    for name in ("bucket.with.dots.s3.us-east-1.amazonaws.com", "a.lens.example", "localhost", "127.0.0.1", "10.1.2.3"):
        assert asyncio.run(shaken(authority, name, name, trusted)) == "TLSv1.3"
    for name in ("example.org", "10.1.2.4", "evil-amazonaws.com"):
        with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
            asyncio.run(shaken(authority, name, name, trusted))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        asyncio.run(shaken(authority, "s3.amazonaws.com", "sts.amazonaws.com", trusted))


def test_the_bundle_holds_the_machines_roots_and_ours(tmp_path) -> None:
    authority = open_authority(tmp_path, DOMAINS, datetime.now(UTC))
    trust = write_trust(tmp_path / "trust", authority.certificate)
    usual, both, own = (
        ssl.create_default_context(cafile=path).get_ca_certs()
        for path in (usual_roots(), trust.bundle, trust.authority)
    )
    assert len(usual) > 20
    assert len(own) == 1
    assert [one for one in both if one not in usual] == own
    assert write_trust(tmp_path / "trust", authority.certificate) == trust


def test_the_roots_are_those_that_the_machine_names(tmp_path, monkeypatch) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    assert usual_roots() == roots
