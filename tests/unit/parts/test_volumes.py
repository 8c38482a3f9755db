"""Originals in volumes: cut, checked one by one, and put together again bit for bit or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from transcoder.errors import CertificateError, InputError, TranscodeError, UsageError
from transcoder.parts import volumes
from transcoder.parts.restore import restore
from transcoder.parts.survey import Expected, survey
from transcoder.parts.volumes import Volume

DATA = bytes(range(256)) * 40  # 10 240 bytes
NAME = "CAM 3.avi"


def quiet(phase: str, done: int, total: int | None) -> None:
    pass


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def cut(folder: Path, data: bytes = DATA, max_bytes: int = 1000, name: str = NAME) -> tuple[Volume, ...]:
    """The volumes of ``data`` in a folder of their own, with the original outside it."""
    source = folder.with_name(f"{folder.name}.original")
    source.write_bytes(data)
    folder.mkdir(exist_ok=True)
    return volumes.cut(source, folder, name=name, max_bytes=max_bytes, tick=quiet)


def listed(made: Sequence[Volume]) -> list[Expected]:
    return [Expected(name=item.path.name, bytes=item.bytes, sha256=item.sha256) for item in made]


def paths(made: Sequence[Volume]) -> list[Path]:
    return [item.path for item in made]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "volumes"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    target = tmp_path / "restored"
    target.mkdir()
    return target / NAME


# Cutting


def test_volumes_are_numbered_full_but_the_last_and_hashed(folder: Path) -> None:
    made = cut(folder)
    assert [item.path.name for item in made] == [f"{NAME}.vol-{number:03}-of-011" for number in range(1, 12)]
    assert [item.bytes for item in made] == [1000] * 10 + [240]
    assert [(item.number, item.count) for item in made] == [(number, 11) for number in range(1, 12)]
    for item in made:
        assert item.path.stat().st_size == item.bytes
        assert digest(item.path.read_bytes()) == item.sha256
    assert names(folder) == [item.path.name for item in made]


@pytest.mark.parametrize(
    ("data", "max_bytes", "sizes"),
    [
        (b"x", 1000, [1]),
        (b"x", 1, [1]),
        (b"", 5, [0]),
        (b"abcdef", 3, [3, 3]),
        (b"abcdef", 6, [6]),
        (b"abcdef", 5, [5, 1]),
        (b"abcdef", 1, [1] * 6),
        (b"x" * 3_000_001, 1_500_000, [1_500_000, 1_500_000, 1]),
    ],
    ids=["one byte", "one of one", "empty", "a multiple", "just fits", "one over", "bytes", "larger than a block"],
)
def test_sizes(data: bytes, max_bytes: int, sizes: list[int], folder: Path, out: Path) -> None:
    made = cut(folder, data, max_bytes)
    assert [item.bytes for item in made] == sizes
    assert restore(paths(made), out, sha256=digest(data), tick=quiet) == digest(data)
    assert out.read_bytes() == data


@pytest.mark.parametrize(("data", "max_bytes"), [(DATA, 1000), (DATA[:1234], 1)], ids=["11", "1234"])
def test_cat_in_the_order_of_names_restores_the_original(data: bytes, max_bytes: int, folder: Path) -> None:
    made = cut(folder, data, max_bytes)
    shell = subprocess.run(["sh", "-c", 'cat "$1".vol-*', "sh", NAME], cwd=folder, capture_output=True, check=True)
    assert shell.stdout == data
    assert names(folder) == [item.path.name for item in made]


def test_progress_counts_bytes_up_to_all(folder: Path) -> None:
    folder.mkdir()
    source = folder.with_name("original")
    source.write_bytes(DATA)
    seen: list[tuple[str, int, int | None]] = []
    volumes.cut(source, folder, name=NAME, max_bytes=3000, tick=lambda *event: seen.append(event))
    assert {(phase, total) for phase, _, total in seen} == {("volumes", len(DATA))}
    done = [event[1] for event in seen]
    assert done == sorted(done)
    assert done[-1] == len(DATA)


@pytest.mark.parametrize("change", [b"", DATA[:5000], DATA + b"x"], ids=["emptied", "shorter", "longer"])
@pytest.mark.parametrize("max_bytes", [1000, 1024, 2_000_000])
def test_a_source_that_changes_its_size_meanwhile_is_refused(
    change: bytes, max_bytes: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    source = folder.with_name("original")
    source.write_bytes(DATA)
    real = volumes.volume_count

    def changes_after_the_size_is_known(total_bytes: int, max_bytes: int) -> int:
        source.write_bytes(change)
        return real(total_bytes, max_bytes)

    monkeypatch.setattr(volumes, "volume_count", changes_after_the_size_is_known)
    with pytest.raises(InputError) as caught:
        volumes.cut(source, folder, name=NAME, max_bytes=max_bytes, tick=quiet)
    assert caught.value.code == "source-resized"
    assert caught.value.where == str(source)
    assert names(folder) == []


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=str)
def test_a_fault_half_way_goes_on_as_it_is_and_leaves_no_volume(fault: BaseException, folder: Path) -> None:
    folder.mkdir()
    source = folder.with_name("original")
    source.write_bytes(DATA)

    def tick(phase: str, done: int, total: int | None) -> None:
        if done > 5000:
            raise fault

    with pytest.raises(type(fault)):
        volumes.cut(source, folder, name=NAME, max_bytes=1000, tick=tick)
    assert names(folder) == []
    assert source.read_bytes() == DATA


def test_a_volume_that_is_there_already_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    taken = folder / f"{NAME}.vol-003-of-011"
    taken.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        cut(folder)
    assert names(folder) == [taken.name]
    assert taken.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "make",
    [lambda p: None, lambda p: p.mkdir(), os.mkfifo, lambda p: p.symlink_to(p)],
    ids=["missing", "folder", "pipe", "loop"],
)
def test_a_source_that_cannot_be_read_is_the_sources_fault(make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "source")
    with pytest.raises(InputError) as caught:
        volumes.cut(tmp_path / "source", tmp_path, name=NAME, max_bytes=5, tick=quiet)
    assert caught.value.where == str(tmp_path / "source")


# Counts and names


def test_the_count_is_the_smallest_that_fits() -> None:
    cases = {(1, 1): 1, (10, 3): 4, (9, 3): 3, (1, 10**9): 1, (0, 7): 1, (10**12, 10**6 + 2): 999_999}
    assert {case: volumes.volume_count(*case) for case in cases} == cases


@pytest.mark.parametrize(("total", "max_bytes", "code"), [(10, 0, "no-room"), (10, -1, "no-room"),
                                                          (10**6, 1, "too-many-volumes")])  # fmt: skip
def test_sizes_that_cannot_be_cut_are_refused(total: int, max_bytes: int, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        volumes.volume_count(total, max_bytes)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("count", "first"),
    [
        (1, "a.vol-001-of-001"),
        (999, "a.vol-001-of-999"),
        (1000, "a.vol-0001-of-1000"),
        (12_345, "a.vol-00001-of-12345"),
    ],
)
def test_the_order_of_names_is_the_order_of_volumes(count: int, first: str) -> None:
    made = [volumes.volume_name("a", number, count) for number in range(1, count + 1)]
    assert made == sorted(made)
    assert made[0] == first
    assert [volumes.parse_name(name) for name in made] == [("a", number, count) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    "name",
    [
        "line\nbreak.avi",
        "$(reboot).avi",
        "-o.avi",
        "日本.avi",
        "\udce9.avi",
        ".hidden",
        "a.vol-001-of-002",
        " ",
        "a\\b",
    ],
)
def test_any_legal_name_can_be_cut_found_and_restored(name: str, folder: Path, tmp_path: Path) -> None:
    made = cut(folder, name=name)
    found = volumes.expected_from_names(folder)
    assert (found.stem, found.count, found.missing) == (name, 11, ())
    assert list(found.paths) == paths(made)
    restore(found.paths, tmp_path / found.stem, sha256=None, tick=quiet)
    assert (tmp_path / name).read_bytes() == DATA


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/etc/a", "a/b", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(name: str, folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        cut(folder, name=name)
    assert caught.value.code == "volume-name"
    assert names(folder) == []


@pytest.mark.parametrize(("number", "count"), [(0, 3), (4, 3), (-1, 3), (1, 0), (1, 10**6)])
def test_numbers_that_do_not_fit_are_refused(number: int, count: int) -> None:
    with pytest.raises(UsageError):
        volumes.volume_name("a", number, count)


@pytest.mark.parametrize(
    "name",
    [
        "", "a", "a.vol-", "a.vol-001", "a.vol-001-of-", ".vol-001-of-002", "a.vol-1-of-2", "a.vol-01-of-12",
        "a.vol-0001-of-0012", "a.vol-001-of-1000", "a.vol-000-of-002", "a.vol-003-of-002", "a.vol-001-of-000",
        "a.vol-001-of-002 ", "a.vol-001-of-002\n", "a.vol-001-of-002.part", "a.vol-001-of-002 (1)", "a.VOL-001-of-002",
        "a.vol-١٢٣-of-١٢٤", "a.vol-²²²-of-²²³", "a.vol-+01-of-002", "a.vol--01-of-002", "../a.vol-001-of-002",
        "/a.vol-001-of-002", "...vol-001-of-002", "..vol-001-of-002", "a\0.vol-001-of-002",
        "a.vol-" + "9" * 5000 + "-of-" + "9" * 5000, "a.vol-0000001-of-1000000", "a" * 10**5,
    ],
)  # fmt: skip
def test_what_is_not_the_name_of_a_volume(name: str) -> None:
    assert volumes.parse_name(name) is None


# Surveying against a list


def test_all_volumes_in_place_are_complete(folder: Path) -> None:
    made = cut(folder)
    found = survey(folder, listed(made))
    assert found.complete
    assert found.intact == tuple(item.path.name for item in made)
    assert (found.missing, found.damaged, found.foreign, found.hints) == ((), (), (), ())


def test_every_fault_is_named(folder: Path) -> None:
    made = cut(folder, max_bytes=3000)  # 3000, 3000, 3000, 1240
    one, two, three, four = paths(made)
    one.write_bytes(one.read_bytes()[:12])
    two.write_bytes(two.read_bytes() + b"more")
    three.write_bytes(b"\xff" + three.read_bytes()[1:])
    four.unlink()
    found = survey(folder, listed(made))
    assert not found.complete
    assert found.intact == ()
    assert found.missing == (four.name,)
    assert found.damaged == (
        (one.name, "truncated: 12 of 3000 bytes"),
        (two.name, "longer: 3004 instead of 3000 bytes"),
        (three.name, "its SHA-256 differs"),
    )
    assert found.to_dict() == {
        "complete": False,
        "intact": [],
        "missing": [four.name],
        "damaged": [{"name": name, "reason": reason} for name, reason in found.damaged],
        "foreign": [],
        "hints": [],
    }


@pytest.mark.parametrize("pair", [(1, 2), (3, 10)], ids=["same size", "other size"])
def test_swapped_volumes_are_told_from_broken_ones(pair: tuple[int, int], folder: Path) -> None:
    data = b"".join(bytes([number]) * 1000 for number in range(10)) + b"end"
    made = cut(folder, data)
    a, b = (made[number].path for number in pair)
    contents = a.read_bytes(), b.read_bytes()
    b.write_bytes(contents[0])
    a.write_bytes(contents[1])
    found = survey(folder, listed(made))
    assert found.damaged == ((a.name, f"holds the content of {b.name}"), (b.name, f"holds the content of {a.name}"))
    assert len(found.intact) == 9


def test_volumes_of_equal_content_are_all_intact(folder: Path) -> None:
    made = cut(folder, b"\0" * 5000)
    made[2].path.unlink()
    found = survey(folder, listed(made))
    assert len(found.intact) == 4
    assert found.missing == (made[2].path.name,)
    assert found.damaged == ()


def test_foreign_volumes_are_named_and_do_not_stand_in_the_way(folder: Path) -> None:
    made = cut(folder)
    (folder / f"{NAME}.vol-001-of-012").write_bytes(b"of another count")
    cut(folder, DATA[::-1], name="CAM 4.avi")
    (folder / "notes.txt").write_bytes(b"")
    (folder / f"{NAME}.vol-002-of-012").mkdir()
    found = survey(folder, listed(made))
    assert found.foreign == (f"{NAME}.vol-001-of-012",)
    assert found.hints == ()
    assert found.complete


@pytest.mark.parametrize("wrong", [f"{NAME}.vol-002-of-012", f"{NAME}.vol-002-of-011 (1)", "download"])
def test_a_missing_volume_under_a_wrong_name_is_pointed_out(wrong: str, folder: Path) -> None:
    made = cut(folder)
    made[10].path.rename(folder / wrong)
    found = survey(folder, listed(made))
    assert found.missing == (made[10].path.name,)
    assert found.foreign == (wrong,)
    assert found.hints == ((wrong, f"holds the content of {made[10].path.name}"),)
    assert not found.complete


def test_nothing_outside_the_hollowis_looked_at(folder: Path) -> None:
    cut(folder)
    outside = folder.with_name("secret")
    outside.write_bytes(b"secret")
    expected = [Expected(name=name, bytes=6, sha256=digest(b"secret")) for name in ("../secret", str(outside), "a\0b")]
    assert survey(folder, expected).missing == ("../secret", str(outside), "a\0b")


def test_what_is_no_file_is_missing(folder: Path) -> None:
    made = cut(folder, max_bytes=4000)
    hollow, pipe, link = paths(made)
    for path in (hollow, pipe, link):
        path.unlink()
    hollow.mkdir()
    os.mkfifo(pipe)
    link.symlink_to("nowhere")
    assert len(survey(folder, listed(made)).missing) == 3


def test_an_empty_list_is_not_complete(folder: Path) -> None:
    folder.mkdir()
    assert not survey(folder, []).complete


def test_missing_volumes_can_be_fetched_and_the_rest_goes_on(folder: Path, out: Path) -> None:
    made = cut(folder)
    kept = {item.path.name: item.path.read_bytes() for item in made}
    made[4].path.unlink()
    made[7].path.write_bytes(b"half")
    first = survey(folder, listed(made))
    for name in (*first.missing, *(name for name, _ in first.damaged)):
        (folder / name).write_bytes(kept[name])
    assert survey(folder, listed(made)).complete
    assert restore(paths(made), out, sha256=digest(DATA), tick=quiet) == digest(DATA)


# Without a list


def test_names_alone_tell_count_and_missing_numbers(folder: Path) -> None:
    made = cut(folder)
    for number in (1, 5, 11):
        made[number - 1].path.unlink()
    (folder / "notes.txt").write_bytes(b"")
    found = volumes.expected_from_names(folder)
    assert (found.stem, found.count, found.missing) == (NAME, 11, (1, 5, 11))
    assert [path.name for path in found.paths] == names(folder)[:8]


def test_several_originals_are_ambiguous_until_one_is_named(folder: Path) -> None:
    cut(folder)
    other = cut(folder, name="CAM 4.avi", max_bytes=5000)
    with pytest.raises(InputError, match=r"CAM 3\.avi in 11, CAM 4\.avi in 3") as caught:
        volumes.expected_from_names(folder)
    assert caught.value.code == "volumes-ambiguous"
    assert list(volumes.expected_from_names(folder, "CAM 4.avi").paths) == paths(other)


def test_several_counts_are_ambiguous_even_with_a_name(folder: Path) -> None:
    cut(folder)
    cut(folder, max_bytes=5000)
    for stem in (None, NAME):
        with pytest.raises(InputError) as caught:
            volumes.expected_from_names(folder, stem)
        assert caught.value.code == "volumes-ambiguous"


def test_no_volumes(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_bytes(b"")
    (folder / "a.vol-001-of-001").mkdir()
    with pytest.raises(InputError) as caught:
        volumes.expected_from_names(folder)
    assert caught.value.code == "no-volumes"
    cut(folder)
    with pytest.raises(InputError, match=r"CAM 9\.avi") as caught:
        volumes.expected_from_names(folder, "CAM 9.avi")
    assert caught.value.code == "no-volumes"


def test_a_hollowthat_is_none_is_an_error_of_ours(tmp_path: Path) -> None:
    ask: list[Callable[[Path], object]] = [volumes.expected_from_names, lambda path: survey(path, [])]
    for asked in ask:
        with pytest.raises(InputError) as caught:
            asked(tmp_path / "nowhere")
        assert caught.value.where == str(tmp_path / "nowhere")


# Restoring


def test_a_restored_file_is_the_original_alone_and_readable(folder: Path, out: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    restored = restore(paths(cut(folder)), out, sha256=None, tick=lambda *event: seen.append(event))
    assert restored == digest(DATA)
    assert out.read_bytes() == DATA
    assert out.stat().st_mode & 0o444 == 0o444
    assert names(out.parent) == [NAME]
    assert seen[-1] == ("restore", len(DATA), len(DATA))


def test_a_hash_in_capitals_is_the_same_hash(folder: Path, out: Path) -> None:
    assert restore(paths(cut(folder)), out, sha256=digest(DATA).upper(), tick=quiet) == digest(DATA)


def fails(made: Sequence[Path], out: Path, sha256: str | None = None) -> TranscodeError:
    """The error, after making sure that it is one line and that nothing was left behind."""
    before = {path: path.lstat() for path in out.parent.iterdir()}
    with pytest.raises(TranscodeError) as caught:
        restore(made, out, sha256=sha256, tick=quiet)
    assert {path: path.lstat() for path in out.parent.iterdir()} == before
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def refuse(fault: BaseException) -> Callable[..., None]:
    def refused(*_: object) -> None:
        raise fault

    return refused


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made[3].write_bytes(made[4].read_bytes()),
        lambda made: made[0].write_bytes(b"\x01" + made[0].read_bytes()[1:]),
        lambda made: made[-1].write_bytes(b""),
        lambda made: made.pop(),
        lambda made: made.reverse(),
        lambda made: made.append(made[0]),
    ],
    ids=["twice", "flipped", "emptied", "left out", "reversed", "one more"],
)
def test_a_whole_that_is_not_the_original_is_not_published(
    spoil: Callable[[list[Path]], object], folder: Path, out: Path
) -> None:
    made = paths(cut(folder))
    spoil(made)
    error = fails(made, out, digest(DATA))
    assert isinstance(error, CertificateError)
    assert error.code == "restored-differs"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda made: made.pop(), "volumes-incomplete"),
        (lambda made: made.pop(2), "volumes-incomplete"),
        (lambda made: made.reverse(), "volumes-incomplete"),
        (lambda made: made.append(made[0]), "volumes-incomplete"),
        (lambda made: made.__setitem__(0, made[0].rename(made[0].with_name("renamed"))), "volumes-incomplete"),
        (lambda made: made[2].write_bytes(b"short"), "volumes-uneven"),
        (lambda made: made[-1].write_bytes(b"x" * 1001), "volumes-uneven"),
        (lambda made: made[-1].write_bytes(b""), "volumes-uneven"),
        (lambda made: made[2].unlink(), "input-unreadable"),
        (lambda made: made.__setitem__(2, made[2].parent), "input-not-a-file"),
        (lambda made: made.clear(), "no-volumes"),
    ],
)
def test_without_a_hash_what_names_and_sizes_show_is_refused(
    spoil: Callable[[list[Path]], object], code: str, folder: Path, out: Path
) -> None:
    made = paths(cut(folder))
    spoil(made)
    assert fails(made, out).code == code
