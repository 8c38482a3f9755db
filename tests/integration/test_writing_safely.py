"""Whatever the names, links, disks and neighbours are: a right result or one line and a code, and nothing is damaged.

Pictures of a few hundred bytes go as they are, so that each run takes a second.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.helpers import clips
from transcoder import app
from transcoder.errors import OutputMismatch, StorageError
from transcoder.model import Progress

Snapshot = dict[str, tuple[str, int, bytes]]


def picture(path: Path, grey: int = 90) -> Path:
    """A small picture."""
    from PIL import Image

    Image.new("L", (64, 48), grey).save(path, "PNG")
    return path


def command(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "transcoder", *arguments]


def apply(
    *arguments: str | Path, cwd: Path | None = None, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ``transcoder apply`` as a process of its own."""
    return subprocess.run(
        command("apply", "--progress", "none", *arguments), capture_output=True, timeout=120, check=False, cwd=cwd,
        preexec_fn=before,
    )  # fmt: skip


def failed(result: subprocess.CompletedProcess[bytes], code: int) -> str:
    """The one line of a run that failed with this exit code, after the note that it was already sent."""
    assert result.returncode == code, result.stderr
    lines = [line for line in result.stderr.decode().splitlines() if "was already sent" not in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("transcoder: ")
    return lines[0]


def snapshot(folder: Path) -> Snapshot:
    """Everything in a folder: kind, mode and content or target, links not followed."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (stat.filemode(status.st_mode), status.st_nlink, content)
    return found


def published(folder: Path) -> list[Path]:
    """The files of one delivery, the manifest of its unchanged picture included; nothing else is in the folder."""
    found = sorted(folder.iterdir())
    assert sorted("".join(path.suffixes[-3:]) for path in found) == [
        ".certificate.json", ".certificate.json.p7s", ".png", ".png.c2pa", ".report.html",
    ]  # fmt: skip
    return found


HOSTILE_NAMES = (
    b"line\nbreak.png", b"$(touch owned)`touch owned`;touch owned;.png", b"-o.png", b"--out=x.png", b"..png",
    "photo\u202egnp.exe.png".encode(),
    "e\u0301\u200b事件 🎥.png".encode(), b"bad\xff\xfeutf8.png", b"\x1b[2Jred\x07.png", "é".encode() * 125 + b"a.png",
    b"%s{{7*7}}<script>alert(1)<script>.png", b"a:b|c,start,0,con\\aux.png",
)  # fmt: skip


def test_hostile_names_are_delivered_and_steer_nothing(tmp_path: Path) -> None:
    """One folder of them all; each gives a delivery of its own whose certificate names the master."""
    sources, out = tmp_path / "sources", tmp_path / "out"
    sources.mkdir()
    for number, name in enumerate(HOSTILE_NAMES):
        picture(Path(os.fsdecode(os.path.join(os.fsencode(sources), name))), grey=number)  # noqa: PTH118
    before = snapshot(sources)
    result = apply(sources, "--out", out, "--jobs", "2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    assert b"\x1b" not in result.stdout
    assert all(char.isprintable() or char == "\n" for char in result.stdout.decode())
    assert snapshot(sources) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "sources"]
    certificates = [json.loads(path.read_bytes()) for path in out.glob("*.certificate.json")]
    named = {item["predicate"]["source"]["name"] for item in certificates}
    # A folder stands for what is not hidden in it.
    assert named == {name.decode("utf-8", "backslashreplace") for name in HOSTILE_NAMES if not name.startswith(b".")}
    for path in out.iterdir():
        os.fsencode(path.name).decode()
        assert path.name.isprintable()
        assert not path.name.startswith((".", "-"))
    for report in out.glob("*.report.html"):
        assert "<script>alert" not in report.read_text(encoding="utf-8")
    assert all(item.ok for item in app.verify(out))


def test_a_video_whose_name_is_no_text_is_delivered(tmp_path: Path) -> None:
    """FFmpeg gets the very bytes."""
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 \xff.mp4"))
    clips.write_clip(tmp_path / "made.mp4").rename(source)
    result = apply(source, "--out", tmp_path / "out", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["verdict"] == "identical"


@pytest.mark.parametrize("name", ["-o.png", "--profile", "-rf $(id).png"])
def test_a_name_like_an_option_is_a_file_behind_two_dashes(name: str, tmp_path: Path) -> None:
    picture(tmp_path / name)
    result = apply("--out", "out", "--", name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    published(tmp_path / "out")


@pytest.mark.parametrize("where", ["the folder itself", "inside it", "around it"])
def test_sources_and_deliveries_in_one_folder(where: str, tmp_path: Path) -> None:
    sources = tmp_path / "around" / "sources"
    sources.mkdir(parents=True)
    source = picture(sources / "a.png")
    before = source.read_bytes()
    out = {"the folder itself": sources, "inside it": sources / "out", "around it": sources.parent}[where]
    assert apply(sources, "--out", out).returncode == 0
    assert source.read_bytes() == before
    delivered = {path.name for path in out.iterdir()} - {"a.png", "sources"}
    assert len(delivered) == 5
    assert "exists already" in failed(apply(source, "--out", out), 6)
    assert {path.name for path in out.iterdir()} - {"a.png", "sources"} == delivered
    assert source.read_bytes() == before


def test_a_link_as_source_is_what_it_leads_to(tmp_path: Path) -> None:
    folder, out = tmp_path / "sources", tmp_path / "out"
    folder.mkdir()
    real = picture(folder / "real.png")
    real.chmod(0o400)
    (folder / "link.png").symlink_to("real.png")
    os.link(real, folder / "second.png")
    before = snapshot(folder)
    result = apply(folder / "link.png", "--out", out)
    assert result.returncode == 0, result.stderr
    assert snapshot(folder) == before
    media = next(path for path in published(out) if path.suffix == ".png")
    assert media.name.startswith("link_")
    assert media.read_bytes() == real.read_bytes()
    assert media.lstat().st_ino != real.stat().st_ino
    assert {path.lstat().st_nlink for path in out.iterdir()} == {1}


def test_a_link_as_output_folder_is_followed(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    assert apply(source, "--out", tmp_path / "out").returncode == 0
    assert (tmp_path / "out").is_symlink()
    published(tmp_path / "real")


@pytest.mark.parametrize("kind", ["dangling", "loop", "file", "device"])
def test_what_is_no_output_folder_is_one_line(kind: str, tmp_path: Path) -> None:
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    else:
        out.symlink_to({"dangling": "nowhere", "loop": "out", "device": "/dev/null"}[kind])
    before = snapshot(tmp_path)
    assert "cannot write" in failed(apply(source, "--out", out), 6)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("ending", "planted"),
    [(".png", "link"), (".certificate.json", "link"), (".certificate.json.p7s", "hard link"), (".report.html", "link")],
)
def test_a_planted_final_name_is_never_written_through(ending: str, planted: str, tmp_path: Path) -> None:
    source, victim, out = picture(tmp_path / "a.png"), tmp_path / "victim", tmp_path / "out"
    victim.write_text("mine")
    out.mkdir()
    stem = f"a_cps-twif-1mb_{hashlib.sha256(source.read_bytes()).hexdigest()[:8]}"
    if planted == "link":
        (out / f"{stem}{ending}").symlink_to(victim)
    else:
        os.link(victim, out / f"{stem}{ending}")
    before = snapshot(tmp_path)
    with pytest.raises(StorageError) as caught:
        app.transcode(source, out=out)
    assert caught.value.code == "output-exists"
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("kind", ["fifo", "device", "socket", "folder", "dangling"])
def test_what_is_no_file_is_one_line_and_nobody_waits(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    if kind == "fifo":
        os.mkfifo(source)
    elif kind == "socket":
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(source))
    elif kind == "folder":
        source.mkdir()
        os.mkfifo(source / "pipe.png")
    else:
        source.symlink_to("/dev/zero" if kind == "device" else "nowhere")
    line = failed(apply(source, "--out", tmp_path / "out"), 2 if kind == "folder" else 4)
    assert {"folder": "holds no files", "dangling": "no such file"}.get(kind, "not a regular file") in line
    assert not (tmp_path / "out").exists()


def together(*calls: Sequence[str | Path]) -> list[tuple[int, str]]:
    """Exit code and standard error of runs at the same time."""
    commands = [command("apply", "--progress", "none", *call) for call in calls]
    running = [subprocess.Popen(each, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) for each in commands]
    return [
        (process.returncode, error.decode()) for process in running for error in [process.communicate(timeout=120)[1]]
    ]


def test_of_two_runs_of_one_source_one_delivers(tmp_path: Path) -> None:
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"
    ended = sorted(together([source, "--out", out], [source, "--out", out]))
    assert [code for code, _ in ended] == [0, 6], ended
    assert "exists already" in ended[1][1]
    published(out)
    assert all(item.ok for item in app.verify(out, source=source))


def test_runs_of_different_sources_share_a_folder(tmp_path: Path) -> None:
    """Two of them have one name and different content."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    sources = [
        picture(tmp_path / "one" / "a.png", 10),
        picture(tmp_path / "two" / "a.png", 20),
        picture(tmp_path / "b.png"),
    ]
    out = tmp_path / "out"
    calls: list[list[str | Path]] = [[source, "--out", out] for source in sources]
    assert together(*calls) == [(0, "")] * 3
    assert len(list(out.iterdir())) == 15
    verified = app.verify(out)
    assert len(verified) == 3
    assert all(item.ok for item in verified)


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"more"),
    "cut": lambda path: os.truncate(path, 40),
    "emptied": lambda path: path.write_bytes(b""),
    "other bytes": lambda path: path.write_bytes(path.read_bytes()[::-1]),
    "gone": lambda path: path.unlink(),
    "replaced by a pipe": pipe_instead,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["picture", "video"])
def test_a_source_that_changes_while_it_is_read_is_named(change: str, kind: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png") if kind == "picture" else clips.write_clip(tmp_path / "a.mp4")
    changed = False

    def at_once(event: Progress) -> None:
        nonlocal changed
        if event.phase == "hash" and event.done == event.total and not changed:
            changed = True
            CHANGES[change](source)

    with pytest.raises(OutputMismatch) as caught:
        app.transcode(source, out=tmp_path / "out", progress=at_once)
    assert changed
    assert caught.value.code == "source-changed"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("phase", "recreated"), [("encode", False), ("measure", True), ("confirm", False)])
def test_an_output_folder_that_is_removed_is_named(phase: str, recreated: bool, samples: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "out", False

    def remove(event: Progress) -> None:
        nonlocal seen
        if event.phase == phase and not seen:
            seen = True
            shutil.rmtree(out)
            if recreated:
                out.mkdir()

    with pytest.raises(StorageError) as caught:
        app.transcode(samples / "cctv_still.jpg", out=out, cap_bytes=100_000, progress=remove)
    assert seen
    assert caught.value.code in ("work-folder-gone", "storage-failed")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that nobody may write to."""
    place = tmp_path / "medium"
    (place / "there").mkdir(parents=True)
    for call in (["--bind", str(place), str(place)], ["-o", "remount,ro,bind", str(place)]):
        if subprocess.run(["mount", *call], capture_output=True, check=False).returncode:
            pytest.skip("mounting a read-only file system is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=False)


@pytest.mark.parametrize("name", ["there", "new/deep"])
def test_a_read_only_target_is_one_line(name: str, read_only: Path, tmp_path: Path) -> None:
    line = failed(apply(picture(tmp_path / "a.png"), "--out", read_only / name), 6)
    assert "cannot write: Read-only file system" in line
    assert "--out" in line
    assert list((read_only / "there").iterdir()) == []


def test_a_target_of_another_user_is_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes to every folder; the read-only mount stands for it")
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    assert "Permission denied" in failed(apply(picture(tmp_path / "a.png"), "--out", out), 6)


@pytest.mark.parametrize("most_bytes", [0, 1, 500, 4000])
def test_a_file_that_may_not_grow_leaves_nothing(most_bytes: int, tmp_path: Path) -> None:
    """As on a full disk, wherever in the run it fills up: no root is needed for it."""
    source, out = picture(tmp_path / "a.png"), tmp_path / "out"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    result = apply(source, "--out", out, before=limit)
    assert result.returncode in (4, 6), result.stderr
    failed(result, result.returncode)
    assert not out.exists()


def test_a_killed_run_leaves_nothing_visible_and_the_next_one_clears_up(samples: Path, tmp_path: Path) -> None:
    """Killed when its files get their names; that of the certificate, the mark of a delivery, is the last."""
    out = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from transcoder import app\n"
        "real = os.link\n"
        "def link(source, target, **rest):\n"
        "    if str(target).endswith('.certificate.json'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(source, target, **rest)\n"
        "os.link = link\n"
        "app.transcode(sys.argv[1], out=sys.argv[2])\n"
    )
    source = picture(tmp_path / "a.png")
    killed = subprocess.run([sys.executable, "-c", script, source, out], capture_output=True, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in out.iterdir() if path.name.endswith("certificate.json")] == []
    assert apply(source, "--out", out).returncode == 0
    published(out)
    assert all(item.ok for item in app.verify(out, source=source))
