"""The command as a process: exit codes, one-line errors, JSON, interruption, storage faults."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def run(*arguments: str | Path, env: dict[str, str] | None = None, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line and capture what it prints."""
    command = [sys.executable, "-m", "transcoder", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **(env or {})}, **kwargs
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error; there must be no traceback."""
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_help_is_light() -> None:
    """Help must not wait for codecs, compilers or numbers to load."""
    code = "import sys, transcoder.cli; print([m for m in ('av', 'numba', 'numpy', 'rich', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    for command in ([], ["apply"], ["verify"], ["inspect"], ["report"], ["profiles"], ["keys"]):
        assert run(*command, "--help").returncode == 0


def test_a_delivery_from_start_to_verification(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "delivery"
    source = samples / "cctv_day.avi"
    done = run("apply", source, "--out", out, "--json", "--progress", "json", "--urn", "01AB/1/24", "--exhibit", "JS/1")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["verdict"] == "meets-floor"
    assert result["rung"] == "re-encode"
    assert {item["role"] for item in result["files"]} == {"media", "certificate", "signature", "report"}
    assert all(Path(item["path"]).stat().st_size == item["bytes"] <= 1_000_000 for item in result["files"])
    assert result["fidelity"]["frames"] == 100
    assert set(result["fidelity"]["ssim_y"]) == {"mean", "p1", "min", "min_at_s"}
    assert result["rejected"][0]["rung"] == "unchanged"
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"analyse", "encode", "measure"} <= {event["phase"] for event in events}
    assert all(set(event) == {"event", "source", "phase", "done", "total", "unit"} for event in events)

    certificate = next(out.glob("*.certificate.json"))
    assert json.loads(certificate.read_text())["predicate"]["case"] == {"urn": "01AB/1/24", "exhibit": "JS/1"}
    assert run("verify", out).returncode == 0
    again = run("verify", certificate, "--source", source, "--json")
    assert again.returncode == 0
    steps = json.loads(again.stdout)["steps"]
    assert [step["number"] for step in steps] == list(range(1, 14))
    assert {step["outcome"] for step in steps if step["number"] < 11} == {"passed"}

    rendered = tmp_path / "again.html"
    assert run("report", certificate, "--out", rendered, "--source", source).returncode == 0
    assert "data:image/jpeg" in rendered.read_text()

    twice = run("apply", source, "--out", out)
    assert twice.returncode == 6
    assert "exists already" in one_line(twice)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"", "empty"), (b"just some text, no media at all\n" * 20, "not a video")],
)
def test_bad_input_is_one_line_and_leaves_nothing(content: bytes | None, message: str, tmp_path: Path) -> None:
    source, out = tmp_path / "x.mp4", tmp_path / "deep" / "out"
    if content is not None:
        source.write_bytes(content)
    result = run("apply", source, "--out", out)
    assert result.returncode == 4
    assert message in one_line(result)
    assert not (tmp_path / "deep").exists()


def test_truncated_video_is_delivered_as_far_as_it_decodes(samples: Path, tmp_path: Path) -> None:
    whole = (samples / "cctv_day.avi").read_bytes()
    short = tmp_path / "short.avi"
    short.write_bytes(whole[: len(whole) // 2])
    result = run("apply", short, "--out", tmp_path / "out", "--cap", "400000", "--json")
    assert result.returncode in (0, 3)
    assert 20 <= json.loads(result.stdout)["fidelity"]["frames"] < 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cap", "500"], "smaller than a certificate"),
        (["--profile", "nosuch"], "no shipped profile"),
        (["--accept-degraded"], "named operator and a reason"),
        (["--reason", "because"], "belongs to --accept-degraded"),
        (["--case", "/nonexistent.json"], "cannot read the case file"),
        (["--jobs", "0"], "jobs"),
    ],
)
def test_usage_errors(arguments: list[str], message: str, samples: Path, tmp_path: Path) -> None:
    result = run("apply", samples / "cctv_still.jpg", "--out", tmp_path / "out", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_refusal_and_override(samples: Path, tmp_path: Path) -> None:
    source = samples / "cctv_day.avi"
    refused = run("apply", source, "--out", tmp_path / "no", "--cap", "40000", "--max-parts", "1", "--json")
    assert refused.returncode == 3
    result = json.loads(refused.stdout)
    assert result["verdict"] == "refused"
    assert result["refusal"]["best_achieved"]["missed"]
    assert result["refusal"]["smallest_cap"]["bytes"] > 40_000
    assert not list((tmp_path / "no").glob("*.mp4"))
    assert run("verify", tmp_path / "no").returncode == 0

    taken = run(
        "apply", source, "--out", tmp_path / "yes", "--cap", "40000", "--max-parts", "1", "--json",
        "--accept-degraded", "--operator", "DC 1234", "--reason", "preview for the custody clock",
    )  # fmt: skip
    assert taken.returncode == 0
    degraded = json.loads(taken.stdout)
    assert degraded["verdict"] == "degraded"
    media = next(item for item in degraded["files"] if item["role"] == "media")
    assert media["bytes"] <= 40_000
    page = next((tmp_path / "yes").glob("*.report.html")).read_text()
    assert "Degraded" in page
    assert "DC 1234" in page


def test_a_folder_with_good_and_bad_files(samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(samples / "cctv_still.jpg", folder / "a.jpg")
    shutil.copy(samples / "cctv_still.jpg", folder / "-o $(reboot)\n.jpg")
    (folder / "notes.txt").write_text("not media")
    result = run("apply", folder, "--out", tmp_path / "out", "--jobs", "2", "--json")
    assert result.returncode == 4
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(str(item["verdict"]) for item in objects) == ["None", "identical", "identical"]
    assert run("verify", tmp_path / "out").returncode == 0


def test_case_file(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"urn": "U1", "exhibit": "E1", "description": "<b>doors</b>"}))
    out = tmp_path / "out"
    done = run("apply", samples / "cctv_still.jpg", "--out", out, "--case", tmp_path / "case.json", "--exhibit", "E2")
    assert done.returncode == 0
    predicate = json.loads(next(out.glob("*.certificate.json")).read_text())["predicate"]
    assert predicate["case"] == {"urn": "U1", "exhibit": "E2", "description": "<b>doors</b>"}
    assert "<b>doors" not in next(out.glob("*.report.html")).read_text()


def _started(samples: Path, out: Path) -> subprocess.Popen[bytes]:
    """A delivery that is in the middle of encoding."""
    command = [
        sys.executable, "-m", "transcoder", "apply", str(samples / "cctv_day.avi"), "--out", str(out),
        "--progress", "json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # Tests that run as a shell's background job ignore Ctrl-C, and their children would inherit it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b'"phase": "encode"' in line:
            return process
    raise AssertionError("the encoding never began")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_leaves_nothing(number: signal.Signals, samples: Path, tmp_path: Path) -> None:
    process = _started(samples, tmp_path / "out")
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not (tmp_path / "out").exists()


def test_leftovers_of_a_killed_run_are_swept(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = _started(samples, out)
    process.kill()
    process.communicate(timeout=30)
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []
    assert run("apply", samples / "cctv_still.jpg", "--out", out).returncode == 0
    time.sleep(0.1)
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def test_storage_faults(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("apply", samples / "cctv_still.jpg", "--out", tmp_path / "file" / "out")
    assert result.returncode == 6
    assert "cannot write" in one_line(result)


def test_full_disk(samples: Path, tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(mount)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        for name in ("cctv_still.jpg", "cctv_day.avi"):
            result = run("apply", samples / name, "--out", mount / "out")
            assert result.returncode == 6, result.stderr
            assert "space" in one_line(result)
            assert not (mount / "out").exists()
    finally:
        subprocess.run(["umount", str(mount)], check=False)


def test_verification_failures_exit_five(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("apply", samples / "cctv_still.jpg", "--out", out).returncode == 0
    media = next(out.glob("*.jpg"))
    data = bytearray(media.read_bytes())
    data[len(data) // 2] ^= 1
    media.write_bytes(data)
    result = run("verify", out)
    assert result.returncode == 5
    assert "5. FAIL" in result.stdout
    stranger = run("verify", out, env={"TRANSCODER_KEYS_DIR": str(tmp_path / "other")})
    assert stranger.returncode == 5
    assert "3. FAIL" in stranger.stdout
    assert run("verify", tmp_path).returncode == 4


def test_profiles_and_keys(tmp_path: Path) -> None:
    listed = run("profiles", "list")
    assert listed.returncode == 0
    assert "cps-twif-1mb" in listed.stdout
    shown = run("profiles", "show", "email-10mb")
    own = tmp_path / "mine.toml"
    own.write_text(shown.stdout.replace('name = "email-10mb"', 'name = "mine"'))
    assert "7,500,000" in run("profiles", "check", own).stdout
    own.write_text(shown.stdout.replace("frame = 0.90", "frame = 90"))
    wrong = run("profiles", "check", own)
    assert wrong.returncode == 2
    line = next(number for number, text in enumerate(own.read_text().splitlines(), 1) if text.startswith("frame"))
    assert f"mine.toml:{line}: floors.frame" in one_line(wrong)
    fresh = {"TRANSCODER_KEYS_DIR": str(tmp_path / "keys")}
    assert "made" in run("keys", "init", env=fresh).stdout
    assert "already there" in run("keys", "init", env=fresh).stdout
    assert "self-issued" in run("keys", "show", env=fresh).stdout
    assert oct((tmp_path / "keys" / "signer-key.pem").stat().st_mode)[-3:] == "600"


def test_decoder_complaints_never_stop_a_run(samples: Path, tmp_path: Path) -> None:
    """Decoder threads that log while the decoder is closed once hung the process (see media/containers.py)."""
    source = tmp_path / "noisy.mkv"
    data = bytearray((samples / "cctv_night_vfr.mkv").read_bytes())
    for position in range(20_000, len(data), 3_001):
        data[position] ^= 0x55
    source.write_bytes(data)
    result = run("apply", source, "--out", tmp_path / "out", "--cap", "300000", "--json")
    assert result.returncode in (0, 3)
    code = "import av.logging, transcoder.media.containers; print(av.logging.get_level())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "None\n"
