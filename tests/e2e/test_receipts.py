"""From sender to recipient and back, by command line: parts, a missing one, a damaged one, and both audit logs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transcoder.certificate import keys

CAP = "60000"


@dataclass(frozen=True)
class Side:
    """Someone with a home and a key of their own."""

    home: Path

    @property
    def ca(self) -> Path:
        return self.home / "keys" / "ca.pem"

    def run(self, *arguments: str | Path, expect: int = 0, audit: str = "on") -> subprocess.CompletedProcess[str]:
        own = {
            "TRANSCODER_HOME": str(self.home), "TRANSCODER_KEYS_DIR": str(self.home / "keys"),
            "TRANSCODER_AUDIT": audit,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "transcoder", *map(str, arguments)],
            capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **own},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert done.returncode == expect, done.stderr + done.stdout
        return done

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run("audit", "show", "--json").stdout.splitlines()]


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Side:
    """Has delivered a clip in parts, with the original in volumes."""
    side = Side(tmp_path_factory.mktemp("sender"))
    clip = Path(__file__).resolve().parents[2] / "samples" / "cctv_day.avi"
    side.run("apply", clip, "--cap", CAP, "--out", side.home / "out", "--with-original", "--operator", "PC 1234",
             "--progress", "none")  # fmt: skip
    return side


@pytest.fixture
def recipient(tmp_path: Path) -> Side:
    keys.initialise(tmp_path / "recipient" / "keys")
    return Side(tmp_path / "recipient")


@pytest.fixture
def arrived(sender: Side, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sender.home / "out", tmp_path / "arrived"))


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def receive(recipient: Side, arrived: Path, sender: Side, *, expect: int = 0) -> dict[str, Any]:
    done = recipient.run("receive", arrived, "--as", "CPS London", "--ca", sender.ca, "--json", expect=expect)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_receipt_goes_there_and_back(sender: Side, recipient: Side, arrived: Path, tmp_path: Path) -> None:
    said = receive(recipient, arrived, sender)["receipt"]
    assert (said["complete"], said["playable"]) == (True, True)
    parts = [item for item in said["files"] if item["role"] == "part"]
    assert len(parts) >= 2
    assert sum(item["frames"] for item in parts) == 100
    assert said["original"]["intact"] == said["original"]["volumes"] >= 2
    receipt = only(arrived, "*.receipt.json")
    assert receipt.stat().st_size <= int(CAP)

    untrusted = sender.run("verify", sender.home / "out", "--receipt", receipt, expect=5)
    assert "12. FAIL" in untrusted.stdout
    verified = sender.run("verify", sender.home / "out", "--receipt", receipt, "--receipt-ca", recipient.ca)
    assert "CPS London received it" in verified.stdout
    sender.run("verify", sender.home / "out", "--receipt", receipt, "--receipt-ca", recipient.ca)
    noted = [entry for entry in sender.entries() if entry["event"] == "receipt"]
    assert len(noted) == 1  # once, although it was looked at twice
    assert noted[0]["receipt"]["by"] == "CPS London"
    assert noted[0]["receipt"]["complete"] is True

    clip = Path(__file__).resolve().parents[2] / "samples" / "cctv_day.avi"
    again = sender.run("apply", clip, "--cap", CAP, "--out", tmp_path / "again", "--json", "--progress", "none")
    earlier = json.loads(again.stdout)["already_sent"]
    assert earlier["out"] == str(sender.home / "out")
    assert earlier["operator"] == "PC 1234"
    assert earlier["receipt"]["complete"] is True
    assert "was already sent" in again.stderr
    assert "CPS London" in again.stderr
    sender.run("audit", "verify")
    recipient.run("audit", "verify")
    assert [entry["event"] for entry in recipient.entries()][-2:] == ["receive-begun", "receive-ended"]


def test_each_lacking_part_is_named_and_a_second_receipt_follows(sender: Side, recipient: Side, arrived: Path) -> None:
    parts = sorted(arrived.glob("*_part-*.mp4"))
    gone, spoilt = parts[0], parts[1]
    gone.unlink()
    data = bytearray(spoilt.read_bytes())
    data[len(data) // 2] ^= 1
    spoilt.write_bytes(data)
    volume = sorted(arrived.glob("*.vol-*"))[1]
    volume.unlink()
    said = receive(recipient, arrived, sender, expect=4)["receipt"]
    states = {item["name"]: item["state"] for item in said["files"]}
    assert (states[gone.name], states[spoilt.name]) == ("missing", "damaged")
    assert list(states.values()).count("intact") == len(states) - 2
    assert (said["complete"], said["original"]["missing"]) == (False, "2")
    receipt = only(arrived, "*.receipt.json")
    shown = sender.run("verify", sender.home / "out", "--receipt", receipt, "--receipt-ca", recipient.ca)
    assert f"INCOMPLETE, {gone.name} is missing; {spoilt.name} is damaged" in shown.stdout
    assert "volumes 2 of" in shown.stdout

    for path in (gone, spoilt, volume):
        shutil.copy(sender.home / "out" / path.name, path)
    second = receive(recipient, arrived, sender)
    assert second["path"].endswith(".receipt-2.json")
    assert second["receipt"]["complete"] is True


def test_what_nobody_trusted_signed_gets_no_receipt(sender: Side, recipient: Side, arrived: Path) -> None:
    done = recipient.run("receive", arrived, expect=5)
    assert "--ca" in done.stderr
    certificate = only(arrived, "*.certificate.json")
    certificate.write_bytes(certificate.read_bytes().replace(b'"meets-floor"', b'"lossless"'))
    recipient.run("receive", arrived, "--ca", sender.ca, expect=5)
    assert not list(arrived.glob("*.receipt*"))
    assert [entry["error"]["code"] for entry in recipient.entries() if "error" in entry] == [
        "signer-untrusted", "content-changed",
    ]  # fmt: skip


def test_joining_is_logged_with_what_came_out(sender: Side, recipient: Side, arrived: Path, tmp_path: Path) -> None:
    recipient.run("join", arrived, "--original", "--out", tmp_path / "whole.avi", "--ca", sender.ca)
    begun, ended = recipient.entries()[-2:]
    assert (begun["event"], ended["event"], begun["job"]) == ("join-begun", "join-ended", ended["job"])
    assert ended["files"][0]["sha256"] == ended["source"]["sha256"]
    recipient.run("join", arrived, "--original", "--out", tmp_path / "whole.avi", "--ca", sender.ca, expect=6)
    assert recipient.entries()[-1]["error"]["code"] == "output-exists"


def test_nothing_is_delivered_where_the_log_cannot_be_written(recipient: Side, samples: Path, tmp_path: Path) -> None:
    (recipient.home / "audit").write_text("not a folder")
    out = tmp_path / "out"
    done = recipient.run("apply", samples / "cctv_still.jpg", "--out", out, "--progress", "none", expect=6)
    assert "audit log cannot be written" in done.stderr
    assert not out.exists()
    recipient.run("apply", samples / "cctv_still.jpg", "--out", out, "--progress", "none", audit="off")
    recipient.run("verify", out, audit="off")
    assert (recipient.home / "audit").read_text() == "not a folder"
