"""Key material on disk."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.helpers import authorities
from transcoder.certificate import keys
from transcoder.errors import CertificateError, StorageError


def load(folder: Path) -> keys.KeyPair:
    return keys.load_pair(folder / keys.LEAF_KEY_FILE, folder / keys.LEAF_FILE, folder / keys.CA_FILE)


def test_a_set_is_made_once_and_then_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keys"
    assert keys.initialise(folder)
    before = {item.name: item.read_bytes() for item in folder.iterdir()}
    assert not keys.initialise(folder)
    assert {item.name: item.read_bytes() for item in folder.iterdir()} == before
    assert [item.name for item in folder.parent.iterdir()] == ["keys"]


def test_the_set_is_a_valid_chain_marked_self_issued(keys_folder: Path) -> None:
    pair = load(keys_folder)
    assert keys.issued(pair.certificate, pair.chain[0])
    assert keys.issued(pair.chain[0], pair.chain[0])
    assert not keys.issued(pair.certificate, pair.certificate)
    assert all(keys.is_self_issued(item) for item in (pair.certificate, *pair.chain))
    assert "self-issued" in pair.certificate.subject.rfc4514_string()


def test_private_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    keys.initialise(tmp_path / "keys")
    for name in (keys.LEAF_KEY_FILE, keys.CA_KEY_FILE):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    assert keys.initialise(folder)
    load(folder)


def test_a_folder_with_other_files_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="other files"):
        keys.initialise(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_in_the_way_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        keys.initialise(tmp_path / "file" / "keys")


def test_two_processes_at_once_give_one_valid_set(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    context = multiprocessing.get_context("fork")
    started = context.Barrier(4, timeout=20)
    faults = context.SimpleQueue()

    def run() -> None:
        started.wait()
        try:
            keys.initialise(folder)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent wants to know
            faults.put(repr(error))

    workers = [context.Process(target=run) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert faults.empty()
    pair = load(folder)
    assert keys.issued(pair.certificate, pair.chain[0])
    assert [item.name for item in tmp_path.iterdir()] == ["keys"]


def test_a_faster_process_in_an_empty_folder_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw the empty folder; the other one puts its keys there just before this one clears the place."""
    folder = tmp_path / "keys"
    folder.mkdir()
    real = Path.rmdir

    def late(path: Path) -> None:
        if path == folder:
            monkeypatch.setattr(Path, "rmdir", real)
            keys.initialise(folder)
        real(path)

    monkeypatch.setattr(Path, "rmdir", late)
    keys.initialise(folder)
    load(folder)


def test_key_and_certificate_must_belong_together(tmp_path: Path) -> None:
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    key = authorities.write_key(tmp_path / "key.pem", mine)
    leaf = authorities.write_certificates(tmp_path / "leaf.pem", authorities.certificate("x", other))
    with pytest.raises(CertificateError) as caught:
        keys.load_pair(key, leaf, None)
    assert caught.value.code == "key-mismatch"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_only_p256_keys_are_taken(key: authorities.AnyKey, tmp_path: Path) -> None:
    path = authorities.write_key(tmp_path / "key.pem", key)
    leaf = authorities.write_certificates(tmp_path / "leaf.pem", authorities.certificate("x", key))
    with pytest.raises(CertificateError) as caught:
        keys.load_pair(path, leaf, None)
    assert caught.value.code == "key-wrong-type"


def test_missing_encrypted_and_broken_files_name_the_file(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    good = authorities.write_key(tmp_path / "key.pem", key)
    leaf = authorities.write_certificates(tmp_path / "leaf.pem", authorities.certificate("x", key))
    locked = authorities.write_key(tmp_path / "locked.pem", key, password=b"secret")
    text = tmp_path / "text.pem"
    text.write_text("not a key")
    cases = [(tmp_path / "none.pem", leaf), (good, tmp_path / "none.pem"), (locked, leaf), (text, leaf), (good, text)]
    for key_file, certificate_file in cases:
        with pytest.raises(CertificateError) as caught:
            keys.load_pair(key_file, certificate_file, None)
        assert str(tmp_path) in str(caught.value)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("hello")
    for name in ("empty.pem", "none.pem"):
        with pytest.raises(CertificateError):
            keys.load_certificates(tmp_path / name)
