"""Which key signs: chosen by settings, tried, and judged before anything is made."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.helpers import authorities, softhsm
from transcoder import app, keyring
from transcoder.certificate import keys, rotation
from transcoder.certificate.keys import KeyPair
from transcoder.errors import CertificateError, UsageError
from transcoder.settings import Settings

SIGN = Path(softhsm.__file__).with_name("sign_digest.py")
NOW = datetime.now(UTC)


def files(folder: Path, pair: KeyPair) -> dict[str, Path]:
    """A pair on disk, as settings name it."""
    return {
        "signer_key": authorities.write_key(folder / "key.pem", pair.key),
        "signer_cert": authorities.write_certificates(folder / "leaf.pem", pair.certificate),
        "signer_chain": authorities.write_certificates(folder / "chain.pem", *pair.chain),
    }


def settings(folder: Path, **named: object) -> Settings:
    return Settings(keys_dir=folder / "keys", trust_dir=folder / "trust", **named)  # type: ignore[arg-type]


def test_without_any_name_a_self_issued_key_is_made(tmp_path: Path) -> None:
    loaded = keyring.load(settings(tmp_path))
    assert loaded.signer.identity.self_issued
    assert loaded.ca_file == tmp_path / "keys" / "ca.pem"
    assert list(loaded.warnings) == []


def test_a_named_key_is_used(tmp_path: Path) -> None:
    pair = authorities.organisation()
    loaded = keyring.load(settings(tmp_path, **files(tmp_path, pair)))
    assert loaded.signer.certificates == (pair.certificate, *pair.chain)
    assert not loaded.signer.identity.self_issued
    assert not (tmp_path / "keys").exists()


def test_two_ways_to_name_a_key_are_refused(tmp_path: Path) -> None:
    named = files(tmp_path, authorities.organisation())
    with pytest.raises(UsageError, match="each name a key"):
        keyring.load(settings(tmp_path, signer_command="true", **named))


def test_a_chain_must_be_named_and_be_the_right_one(tmp_path: Path) -> None:
    named = files(tmp_path, authorities.organisation())
    with pytest.raises(CertificateError, match="TRANSCODER_SIGNER_CHAIN"):
        keyring.load(settings(tmp_path, **{**named, "signer_chain": None}))
    authorities.write_certificates(tmp_path / "chain.pem", *authorities.organisation().chain)
    with pytest.raises(CertificateError, match="did not issue"):
        keyring.load(settings(tmp_path, **named))


def test_what_ends_soon_is_said_and_what_has_ended_is_not_used(tmp_path: Path) -> None:
    soon = authorities.organisation(end=NOW + timedelta(days=20))
    later = authorities.organisation(end=NOW + timedelta(days=29))
    assert "ends on" in keyring.load(settings(tmp_path, **files(tmp_path, soon))).warnings[0]
    named = settings(tmp_path, **files(tmp_path, later))
    assert keyring.load(named, NOW - timedelta(hours=1)).warnings
    with pytest.raises(CertificateError) as caught:
        keyring.load(named, NOW + timedelta(days=29, hours=1))
    assert caught.value.code == "signer-not-valid"


def command(folder: Path, pair: KeyPair, text: str) -> Settings:
    named = files(folder, pair)
    return settings(folder, **{**named, "signer_key": None, "signer_command": text})


def test_a_command_signs(tmp_path: Path) -> None:
    pair = authorities.organisation()
    loaded = keyring.load(command(tmp_path, pair, f"{sys.executable} {SIGN} {tmp_path / 'key.pem'}"))
    assert loaded.kind == "signing command"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_command_of_the_guide_signs(tmp_path: Path) -> None:
    pair = authorities.organisation()
    keyring.load(command(tmp_path, pair, f"openssl pkeyutl -sign -inkey {tmp_path / 'key.pem'}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/nonexistent/signer", "cannot be run"),
        ("false", "failed with code 1"),
        ("echo hello", "no ECDSA signature"),
        ("cat", "no ECDSA signature"),
        ("sh -c 'echo the card is not in >&2; exit 3'", "code 3: the card is not in"),
    ],
)
def test_a_command_that_fails_says_how(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=said) as caught:
        keyring.load(command(tmp_path, authorities.organisation(), text))
    assert caught.value.code == "signer-command-failed"


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    with pytest.raises(CertificateError):
        keyring.load(
            command(tmp_path, authorities.organisation(), f"echo x > {tmp_path / 'made'}; touch {tmp_path}/made")
        )
    assert not (tmp_path / "made").exists()


def test_a_command_with_another_key_is_found(tmp_path: Path) -> None:
    other = authorities.write_key(tmp_path / "other.pem", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(CertificateError) as caught:
        keyring.load(command(tmp_path, authorities.organisation(), f"{sys.executable} {SIGN} {other}"))
    assert caught.value.code == "key-mismatch"


def test_hardware_is_used_with_the_certificate_on_it(tmp_path: Path) -> None:
    pair = authorities.organisation()
    place = softhsm.place(pair, tmp_path, with_certificate=True)
    pin = tmp_path / "pin"
    pin.write_text(softhsm.PIN + "\n")
    named = {
        "pkcs11_module": place.module, "pkcs11_token": place.token, "pkcs11_key": place.key,
        "signer_chain": authorities.write_certificates(tmp_path / "chain.pem", *pair.chain),
    }  # fmt: skip
    loaded = keyring.load(settings(tmp_path, pkcs11_pin_file=pin, **named))
    assert loaded.signer.certificates == (pair.certificate, *pair.chain)
    wrong = {
        "pkcs11_pin": "000000", "pkcs11_token": "none", "pkcs11_key": "none", "pkcs11_module": Path("/none.so")
    }  # fmt: skip
    for name, value in wrong.items():
        with pytest.raises(CertificateError) as caught:
            keyring.load(settings(tmp_path, **{"pkcs11_pin": softhsm.PIN, **named, name: value}))
        assert softhsm.PIN not in str(caught.value)
    with pytest.raises(UsageError, match="PIN"):
        keyring.load(settings(tmp_path, **named))


def test_secrets_are_not_shown_with_settings(tmp_path: Path) -> None:
    assert "482913" not in repr(settings(tmp_path, pkcs11_pin="482913"))


def test_rotation_keeps_what_was_trusted(tmp_path: Path) -> None:
    mine = settings(tmp_path)
    first = app.key_status(mine)
    second = app.rotate_keys(authority=False, settings=mine)
    third = app.rotate_keys(authority=True, settings=mine)
    assert len({item.certificate_sha256 for item in (first, second, third)}) == 3
    assert len({keys.fingerprint(item) for item in rotation.authorities(mine.keys_dir)}) == 2
    for name in (keys.LEAF_KEY_FILE, keys.CA_KEY_FILE):
        assert (mine.keys_dir / name).stat().st_mode & 0o777 == 0o600
    assert not [item for item in (mine.keys_dir / "old").iterdir() if "key" in item.name]


def test_a_rotation_that_was_stopped_half_way_is_finished(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.initialise(folder)
    committed = folder / ".committed"
    committed.mkdir()
    keys.write_set(committed)
    shutil.move(committed / keys.CA_FILE, folder / keys.CA_FILE)  # one file had been moved when the power went
    pair = rotation.load(folder)
    assert keys.issued(pair.certificate, pair.chain[0])
    assert not committed.exists()


def test_only_a_self_issued_key_is_rotated(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        app.rotate_keys(authority=False, settings=settings(tmp_path, **files(tmp_path, authorities.organisation())))
    with pytest.raises(CertificateError, match="keys init"):
        app.rotate_keys(authority=False, settings=settings(tmp_path / "none"))


def test_without_the_authoritys_key_only_a_new_authority_helps(tmp_path: Path) -> None:
    mine = settings(tmp_path)
    app.key_status(mine)
    (mine.keys_dir / keys.CA_KEY_FILE).unlink()
    with pytest.raises(CertificateError, match="--authority"):
        app.rotate_keys(authority=False, settings=mine)
    app.rotate_keys(authority=True, settings=mine)
