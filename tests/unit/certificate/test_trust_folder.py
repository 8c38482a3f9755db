"""Whom a machine trusts, whose lists it believes, and which chains it accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.helpers import authorities, deliveries
from tests.helpers.deliveries import failed
from transcoder import verify
from transcoder.app import add_trust, trust_folder
from transcoder.certificate import chain
from transcoder.certificate.chain import Purpose
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.trustfolder import Kind
from transcoder.errors import CertificateError, InputError, StorageError, UsageError
from transcoder.settings import Settings

NOW = datetime.now(UTC)


@pytest.fixture
def here(tmp_path: Path, keys_folder: Path) -> Settings:
    return Settings(keys_dir=keys_folder, trust_dir=tmp_path / "trust")


def add(file: Path, here: Settings, name: str | None = None) -> Kind:
    return add_trust(file, name=name, tsa=False, settings=here).kind


def listed(path: Path, crl: x509.CertificateRevocationList, encoding: Encoding = Encoding.PEM) -> Path:
    path.write_bytes(crl.public_bytes(encoding))
    return path


def test_an_added_authority_is_trusted_until_it_is_removed(tmp_path: Path, here: Settings) -> None:
    parcel = deliveries.make(tmp_path, authorities.organisation())
    assert failed(verify(parcel.folder, settings=here)[0]) == [3]
    file = authorities.write_certificates(tmp_path / "partner ca.pem", *parcel.pair.chain)
    assert add(file, here) is Kind.AUTHORITY
    assert verify(parcel.folder, settings=here)[0].ok
    assert [entry.name for entry in trust_folder(here).entries()] == ["partner-ca"]
    own = authorities.write_certificates(tmp_path / "other.pem", *authorities.organisation().chain)
    assert failed(verify(parcel.folder, ca=own, settings=here)[0]) == [3]
    trust_folder(here).remove("partner-ca")
    assert failed(verify(parcel.folder, settings=here)[0]) == [3]
    with pytest.raises(InputError):
        trust_folder(here).remove("partner-ca")


def test_an_authority_of_time_is_none_of_signers(tmp_path: Path, here: Settings) -> None:
    parcel = deliveries.make(tmp_path, authorities.organisation())
    file = authorities.write_certificates(tmp_path / "ca.pem", *parcel.pair.chain)
    assert add_trust(file, name="time", tsa=True, settings=here).kind is Kind.TIME
    assert failed(verify(parcel.folder, settings=here)[0]) == [3]


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_revoked_signer_fails_with_date_and_reason(encoding: Encoding, tmp_path: Path, here: Settings) -> None:
    who, key = authorities.organisation_with_key()
    parcel = deliveries.make(tmp_path, who)
    add(authorities.write_certificates(tmp_path / "ca.pem", *who.chain), here)
    crl = authorities.revocations(
        who.chain[0], key, {who.certificate.serial_number: NOW - timedelta(days=1)},
        reason=x509.ReasonFlags.key_compromise,
    )  # fmt: skip
    assert add(listed(tmp_path / "partner.crl", crl, encoding), here) is Kind.REVOCATIONS
    (result,) = verify(parcel.folder, settings=here)
    assert failed(result) == [4]
    detail = next(step.detail for step in result.steps if step.number == 4)
    assert f"{NOW - timedelta(days=1):%Y-%m-%d}" in detail
    assert "keyCompromise" in detail
    (result,) = verify(parcel.folder, ca=tmp_path / "ca.pem", settings=here)
    assert failed(result) == [4], "--ca replaces authorities, not what they took back"


def test_a_list_about_others_changes_nothing(tmp_path: Path, here: Settings) -> None:
    who, key = authorities.organisation_with_key()
    parcel = deliveries.make(tmp_path, who)
    add(authorities.write_certificates(tmp_path / "ca.pem", *who.chain), here)
    crl = authorities.revocations(
        who.chain[0], key, {12345: NOW}, at=NOW - timedelta(days=2), due=NOW - timedelta(days=1)
    )
    add(listed(tmp_path / "partner.crl", crl), here)
    (result,) = verify(parcel.folder, settings=here)
    assert result.ok
    assert "out of date" in next(step.detail for step in result.steps if step.number == 3)


def test_a_list_by_somebody_else_is_refused(tmp_path: Path, here: Settings) -> None:
    who, key = authorities.organisation_with_key()
    crl = listed(tmp_path / "x.crl", authorities.revocations(who.chain[0], key, {}))
    with pytest.raises(CertificateError) as caught:
        add(crl, here)
    assert caught.value.code == "crl-untrusted"
    add(authorities.write_certificates(tmp_path / "ca.pem", *who.chain), here)
    forged = authorities.revocations(who.chain[0], ec.generate_private_key(ec.SECP256R1()), {})
    with pytest.raises(CertificateError) as caught:
        add(listed(tmp_path / "y.crl", forged), here)
    assert caught.value.code == "crl-untrusted"


def test_an_older_or_partial_list_is_refused(tmp_path: Path, here: Settings) -> None:
    who, key = authorities.organisation_with_key()
    add(authorities.write_certificates(tmp_path / "ca.pem", *who.chain), here)
    add(listed(tmp_path / "new.crl", authorities.revocations(who.chain[0], key, {})), here, "list")
    older = authorities.revocations(who.chain[0], key, {}, at=NOW - timedelta(days=3))
    with pytest.raises(CertificateError) as caught:
        add(listed(tmp_path / "old.crl", older), here, "list")
    assert caught.value.code == "crl-older"
    delta = x509.Extension(x509.DeltaCRLIndicator.oid, True, x509.DeltaCRLIndicator(1))
    partial = authorities.revocations(who.chain[0], key, {}, extensions=[delta])
    with pytest.raises(CertificateError) as caught:
        add(listed(tmp_path / "delta.crl", partial), here)
    assert caught.value.code == "crl-invalid"


def test_what_is_no_authority_or_has_a_taken_or_odd_name_is_refused(tmp_path: Path, here: Settings) -> None:
    who = authorities.organisation()
    leaf = authorities.write_certificates(tmp_path / "leaf.pem", who.certificate)
    ca = authorities.write_certificates(tmp_path / "ca.pem", *who.chain)
    text = tmp_path / "text.pem"
    text.write_text("hello")
    for file in (leaf, text):
        with pytest.raises(CertificateError):
            add(file, here)
    with pytest.raises(InputError):
        add(tmp_path / "none.pem", here)
    for name in ("../up", "", ".", "a b"):
        with pytest.raises(UsageError):
            add(ca, here, name)
    add(ca, here)
    with pytest.raises(StorageError):
        add(ca, here)


def extended(*usages: x509.ObjectIdentifier) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(x509.ExtendedKeyUsage.oid, False, x509.ExtendedKeyUsage(usages))


def usage(*, sign: bool, issue: bool) -> x509.Extension[x509.ExtensionType]:
    value = x509.KeyUsage(sign, False, False, False, False, issue, issue, False, False)
    return x509.Extension(x509.KeyUsage.oid, True, value)


def path(
    *leaf: x509.Extension[x509.ExtensionType], above: tuple[x509.Extension[x509.ExtensionType], ...] = (),
    authority: bool = False, ca: bool = True, path_length: int | None = None, depth: int = 1,
) -> list[x509.Certificate]:  # fmt: skip
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(depth + 1)]
    top = authorities.certificate("Root", keys[0], authority=ca, path_length=path_length, extensions=above)
    made = [top]
    for number in range(1, depth):
        made.insert(0, authorities.certificate(
            f"Below {number}", keys[number], issuer=made[0], issuer_key=keys[number - 1], authority=True
        ))  # fmt: skip
    end = authorities.certificate(
        "Leaf", keys[depth], issuer=made[0], issuer_key=keys[depth - 1], authority=authority, extensions=leaf
    )
    return [end, *made]


def test_chains_within_the_rules_are_accepted() -> None:
    chain.judge(path(), Purpose.SIGNING)
    chain.judge(path(extended(ExtendedKeyUsageOID.EMAIL_PROTECTION), usage(sign=True, issue=False)), Purpose.SIGNING)
    chain.judge(path(depth=3, path_length=2), Purpose.SIGNING)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (path(authority=True), "is an authority"),
        (path(extended(ExtendedKeyUsageOID.SERVER_AUTH)), "other purposes"),
        (path(usage(sign=False, issue=False)), "may not make signatures"),
        (path(ca=False), "no authority"),
        (path(above=(usage(sign=True, issue=False),)), "may not issue"),
        (path(depth=2, path_length=0), "path length"),
        (path(x509.Extension(x509.ObjectIdentifier("1.2.3"), True,
              x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"))), "critical"),
    ],
    ids=["authority signs", "server", "no signatures", "no authority", "no issuing", "too long", "unknown critical"],
)  # fmt: skip
def test_chains_outside_the_rules_are_refused(made: list[x509.Certificate], said: str) -> None:
    with pytest.raises(CertificateError, match=said) as caught:
        chain.judge(made, Purpose.SIGNING)
    assert caught.value.code == "chain-unfit"


def test_weak_keys_are_refused() -> None:
    key = rsa.generate_private_key(65537, 1024)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    root = authorities.certificate("Root", key, authority=True)
    leaf = authorities.certificate("Leaf", leaf_key, issuer=root, issuer_key=key)
    with pytest.raises(CertificateError, match="1024 bits"):
        chain.judge([leaf, root], Purpose.SIGNING)
    other = ec.generate_private_key(ec.SECP384R1())
    ca = authorities.certificate("Root", leaf_key, authority=True)
    wide = authorities.certificate("Leaf", other, issuer=ca, issuer_key=leaf_key)
    with pytest.raises(CertificateError, match="P-256"):
        chain.judge([wide, ca], Purpose.SIGNING)


def test_a_pair_of_the_tool_itself_is_within_the_rules(pair: KeyPair) -> None:
    chain.judge([pair.certificate, *pair.chain], Purpose.SIGNING)
