"""Which change of a log is found, and at which line it is said to be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785

from tests.helpers import authorities
from tests.helpers.auditlogs import filled, lines, make, rewrite, verified
from transcoder.audit import entries
from transcoder.audit.checking import check
from transcoder.audit.log import AuditLog
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.errors import InputError

Edit = Callable[[list[bytes]], list[bytes]]


def _changed(data: bytes) -> bytes:
    entry = json.loads(data)
    entry["who"]["operator"] = "somebody else"
    return rfc8785.dumps(entry) + b"\n"


EDITS: dict[str, tuple[Edit, int]] = {
    "removed": (lambda raw: raw[:4] + raw[5:], 5),
    "changed": (lambda raw: [*raw[:4], _changed(raw[4]), *raw[5:]], 5),
    "reordered": (lambda raw: [*raw[:4], raw[5], raw[4], *raw[6:]], 5),
    "repeated": (lambda raw: [*raw[:5], raw[4], *raw[5:]], 6),
    "inserted": (lambda raw: [*raw[:4], b"{}\n", *raw[4:]], 5),
    "blank": (lambda raw: [*raw[:4], b"\n", *raw[4:]], 5),
    "cut off": (lambda raw: raw[:7], 7),
    "first removed": (lambda raw: raw[1:], 1),
    "with spaces": (lambda raw: [*raw[:4], raw[4].replace(b'":"', b'": "', 1), *raw[5:]], 5),
}


@pytest.mark.parametrize("name", sorted(EDITS))
def test_an_edit_is_found_and_its_line_is_named(name: str, tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 11, every=4)
    edit, line = EDITS[name]
    rewrite(log, edit(lines(log)))
    result = verified(log, pair)
    assert not result.ok
    assert line in {finding.line for finding in result.findings}


def test_a_chain_that_was_made_anew_is_found_by_its_checkpoints(tmp_path: Path, pair: KeyPair) -> None:
    """Hashes need no key: without the signatures a forger only has to calculate."""
    log = filled(tmp_path, pair, 11, every=4)
    forged, head = [], entries.FIRST
    for raw in lines(log):
        entry = json.loads(raw)
        entry["who"]["user"] = "nobody"
        data = rfc8785.dumps(entry | {"prev": head})
        head = entries.digest(data)
        forged.append(data + b"\n")
    rewrite(log, forged)
    assert {finding.line for finding in verified(log, pair).findings} == {1, 4, 8, 12}
    shutil.rmtree(log.folder / "checkpoints")
    without = verified(log, pair)
    assert {finding.line for finding in without.findings} == {1, 4, 8}
    assert "missing" in str(without.findings[0])


def test_checkpoints_of_another_key_or_log_or_bytes_do_not_count(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 11, every=4)
    other = authorities.organisation()
    forged = AuditLog(tmp_path / "other", lambda: PemSigner(other), every=4)
    for _ in range(11):
        forged.record("apply-begun", {})
    assert not check(log.folder, other.chain).ok
    stranger = filled(tmp_path / "stranger", pair, 11, every=4)
    target = log.folder / "checkpoints" / "000000000008.json"
    content = target.read_bytes()
    for path in (stranger.folder / "checkpoints").glob("000000000008*"):
        shutil.copy(path, log.folder / "checkpoints")
    assert "line 8" in str(verified(log, pair).findings[0])
    target.write_bytes(content)
    assert not verified(log, pair).ok  # its signature is the stranger's


def test_a_checkpoint_kept_elsewhere_finds_what_was_cut_off_with_its_own(tmp_path: Path, pair: KeyPair) -> None:
    log = filled(tmp_path, pair, 11, every=4)
    kept = log.checkpoint()
    elsewhere = tmp_path / "elsewhere.json"
    shutil.copy(kept, elsewhere)
    shutil.copy(f"{kept}.p7s", f"{elsewhere}.p7s")
    rewrite(log, lines(log)[:6])
    for path in (log.folder / "checkpoints").iterdir():
        if int(path.name[:12]) > 6:
            path.unlink()
    assert verified(log, pair).ok  # nothing in the folder can tell
    found = verified(log, pair, elsewhere)
    assert [finding.line for finding in found.findings] == [6]
    assert "covers 13 entries, 6 are left" in str(found.findings[0])


def test_a_folder_without_a_log_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check(tmp_path / "none", ())
    assert caught.value.code == "no-audit-log"


def test_a_torn_line_that_nobody_noted_is_found(tmp_path: Path, pair: KeyPair) -> None:
    log = make(tmp_path, pair)
    log.record("apply-begun", {})
    (log.folder / "torn-0123456789abcdef-1.bin").write_bytes(b"x")
    assert not verified(log, pair).ok
