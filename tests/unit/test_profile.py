"""Profiles: every shipped one loads, and every fault is named with its dotted key and its line."""

from __future__ import annotations

import base64
import hashlib
import re
from fractions import Fraction
from pathlib import Path

import pytest

from transcoder import profile
from transcoder.errors import ProfileError
from transcoder.model import RungName
from transcoder.profile import MIN_CAP_BYTES, Profile

TEXT = """\
# a comment that mentions preset = "warp" and [video]
name = "mine"
title = "Mine"
version = 3
cap_bytes = 1_000_000
transfer_encoding = "none"
max_parts = 24

[video]
containers = ["mp4"]
codecs = ["h264"]
pixel_formats = ["yuv420p"]
preset = "medium"

[audio]
codecs = ["aac", "mp3"]
max_share = 0.15
min_bitrate_bps = 16_000
max_bitrate_bps = 96_000

[still]
formats = ["jpeg", "png"]

[floors]
frame = 0.90
tile = 0.75
face = 0.92
plate = 0.90
text = 0.90
person = 0.88
motion = 0.85

[fallback]
order = ["unchanged", "rewrap", "lossless", "re-encode", "refuse"]
"""


def parse(text: str) -> Profile:
    return Profile.from_toml(text, origin="mine.toml")


def changed(old: str, new: str) -> tuple[str, int]:
    """The text with one line changed, and that line's number."""
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    return text, TEXT[: TEXT.index(old)].count("\n") + 1


def fault(text: str) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("name", profile.shipped_names())
def test_every_shipped_profile_loads(name: str) -> None:
    loaded = profile.load(name)
    assert loaded.name == name
    assert loaded.title
    assert loaded.payload_cap_bytes >= MIN_CAP_BYTES
    assert RungName.REFUSE in loaded.fallback
    text, _ = profile.read_text(name)
    assert loaded.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_the_shipped_ones_are_the_promised_ones() -> None:
    assert {"cps-twif-1mb", "cps-twif-4mb", "email-10mb", "court-playable"} <= set(profile.shipped_names())
    assert profile.load("cps-twif-1mb").cap_bytes == 1_000_000


def test_every_value_arrives() -> None:
    loaded = parse(TEXT)
    assert (loaded.name, loaded.title, loaded.version, loaded.max_parts) == ("mine", "Mine", 3, 24)
    assert loaded.video.containers == ("mp4",)
    assert loaded.audio.codecs == ("aac", "mp3")
    assert loaded.still.formats == ("jpeg", "png")
    assert loaded.floors["motion"] == 0.85
    assert loaded.fallback[0] is RungName.UNCHANGED
    assert loaded.origin == "mine.toml"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "mine"', 'name = "Mine"', "name"),
        ('name = "mine"', 'name = "../mine"', "name"),
        ('name = "mine"', 'name = ""', "name"),
        ('name = "mine"', f'name = "{"x" * 49}"', "name"),
        ('title = "Mine"', "title = 5", "title"),
        ("version = 3", "version = 0", "version"),
        ("version = 3", "version = true", "version"),
        ("version = 3", "version = 1.0", "version"),
        ("cap_bytes = 1_000_000", 'cap_bytes = "1 MB"', "cap_bytes"),
        ("cap_bytes = 1_000_000", "cap_bytes = -1", "cap_bytes"),
        ("cap_bytes = 1_000_000", "cap_bytes = 32_767", "cap_bytes"),
        ("cap_bytes = 1_000_000", "cap_bytes = true", "cap_bytes"),
        ("cap_bytes = 1_000_000", "cap_bytes = 2026-01-01", "cap_bytes"),
        ('transfer_encoding = "none"', 'transfer_encoding = "gzip"', "transfer_encoding"),
        ('transfer_encoding = "none"', "transfer_encoding = []", "transfer_encoding"),
        ("max_parts = 24", "max_parts = 0", "max_parts"),
        ('containers = ["mp4"]', 'containers = ["avi"]', "video.containers"),
        ('codecs = ["h264"]', "codecs = []", "video.codecs"),
        ('containers = ["mp4"]', 'containers = "mp4"', "video.containers"),
        ('containers = ["mp4"]', 'containers = ["mp4", "mp4"]', "video.containers"),
        ('codecs = ["h264"]', 'codecs = [["h264"]]', "video.codecs"),
        ('codecs = ["h264"]', "codecs = [1]", "video.codecs"),
        ('pixel_formats = ["yuv420p"]', 'pixel_formats = ["rgb24"]', "video.pixel_formats"),
        ('preset = "medium"', 'preset = "placebo"', "video.preset"),
        ('preset = "medium"', "preset = 5", "video.preset"),
        ('codecs = ["aac", "mp3"]', 'codecs = ["aac", "vorbis"]', "audio.codecs"),
        ("max_share = 0.15", "max_share = 15", "audio.max_share"),
        ("max_share = 0.15", "max_share = -0.1", "audio.max_share"),
        ("max_share = 0.15", "max_share = nan", "audio.max_share"),
        ("max_share = 0.15", "max_share = inf", "audio.max_share"),
        ("max_share = 0.15", "max_share = true", "audio.max_share"),
        ("min_bitrate_bps = 16_000", "min_bitrate_bps = 16e3", "audio.min_bitrate_bps"),
        ('formats = ["jpeg", "png"]', 'formats = ["gif"]', "still.formats"),
        ("tile = 0.75", "tile = 75", "floors.tile"),
        ("tile = 0.75", 'tile = "high"', "floors.tile"),
        ("tile = 0.75", "tiles = 0.75", "floors.tiles"),
        ("tile = 0.75", "tile = 0.75\nlogo = 0.5", "floors.logo"),
        ('preset = "medium"', '"presett" = "medium"', "video.presett"),
        ('preset = "medium"', '  presets="medium"', "video.presets"),
        ('title = "Mine"', 'titel = "Mine"', "titel"),
        ("[still]", "[stil]", "stil"),
        ("[still]", "[ stil ]", "stil"),
    ],
)
def test_a_fault_names_key_and_line(old: str, new: str, key: str) -> None:
    text, line = changed(old, new)
    if "\n" in new:
        line += 1
    error = fault(text)
    assert error.where == f"mine.toml:{line}: {key}"
    assert str(error).startswith(f"mine.toml:{line}: {key}: ")


@pytest.mark.parametrize(
    ("old", "key", "section"),
    [
        ("tile = 0.75\n", "floors.tile", "[floors]"),
        ("max_share = 0.15\n", "audio.max_share", "[audio]"),
        ('formats = ["jpeg", "png"]\n', "still.formats", "[still]"),
    ],
)
def test_a_missing_key_names_its_section(old: str, key: str, section: str) -> None:
    text, _ = changed(old, "")
    line = text.splitlines().index(section) + 1
    error = fault(text)
    assert error.where == f"mine.toml:{line}: {key}"
    assert "missing" in error.message


def test_a_missing_section_and_a_missing_root_key_are_named() -> None:
    without = TEXT[: TEXT.index("[fallback]")]
    assert str(fault(without)).startswith("mine.toml:1: fallback: ")
    text, _ = changed("version = 3\n", "")
    assert "version: this key is missing" in str(fault(text))


@pytest.mark.parametrize("number", range(1, TEXT.count("\n") + 1))
def test_every_line_is_needed_or_has_a_default(number: int) -> None:
    """A line that can go unnoticed would be a rule that is silently not applied."""
    lines = TEXT.splitlines()
    gone = lines.pop(number - 1)
    if not gone or gone.startswith(("#", "transfer_encoding", "preset")):
        parse("\n".join(lines))
    else:
        fault("\n".join(lines))


REDUCE = """
[reduce]
steps = ["audio", "repeats", "scale"]
audio_bitrate_bps = 12_000
repeat_difference = 2
scales = [0.75, 0.5]
"""


def test_what_may_be_reduced_is_read_in_its_order() -> None:
    text, _ = changed('"re-encode", "refuse"]', '"re-encode", "reduce", "refuse"]')
    rules = Profile.from_toml(text + REDUCE, origin="mine.toml").reduce
    assert rules.steps == ("audio", "repeats", "scale")
    assert (rules.audio_bitrate_bps, rules.repeat_difference) == (12_000, 2)
    assert rules.scales == (Fraction(3, 4), Fraction(1, 2))
    assert Profile.from_toml(TEXT, origin="mine.toml").reduce.steps == ()


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('["audio", "repeats", "scale"]', '["colour"]', "reduce.steps"),
        ('["audio", "repeats", "scale"]', "[]", "reduce.steps"),
        ("audio_bitrate_bps = 12_000\n", "", "reduce.audio_bitrate_bps"),
        ("repeat_difference = 2", "repeat_difference = 256", "reduce.repeat_difference"),
        ("[0.75, 0.5]", "[0.5, 0.75]", "reduce.scales"),
        ("[0.75, 0.5]", "[1.0]", "reduce.scales"),
        ("[0.75, 0.5]", "[true]", "reduce.scales"),
        ("[0.75, 0.5]", "0.5", "reduce.scales"),
        ("scales", "scale", "reduce.scale"),
    ],
)
def test_faults_of_what_may_be_reduced_are_named(old: str, new: str, key: str) -> None:
    text, _ = changed('"re-encode", "refuse"]', '"re-encode", "reduce", "refuse"]')
    assert old in REDUCE
    error = fault(text + REDUCE.replace(old, new))
    assert error.where is not None
    assert error.where.endswith(f": {key}")


def test_reducing_needs_its_rung_and_its_rules() -> None:
    assert "nothing is reduced" in fault(TEXT + REDUCE).message
    text, _ = changed('"re-encode", "refuse"]', '"re-encode", "reduce", "refuse"]')
    assert str(fault(text)).startswith("mine.toml:1: reduce: this key is missing")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name = ", "end of document"),
        ("a = 1\na = 2\n", "line 2"),
        ('x = "\x00"', "line 1"),
        ("b = 1\n[a\n", "line 2"),
        ("name = 'x\n", "end of document"),
    ],
)
def test_broken_toml_names_the_place(text: str, place: str) -> None:
    error = fault(text)
    assert error.code == "profile-syntax"
    assert place in str(error)


def test_a_key_of_another_table_of_the_same_name_is_not_mistaken() -> None:
    """`codecs` stands in two tables, and in comments and strings."""
    text, line = changed('codecs = ["aac", "mp3"]', '# codecs = ["x"]\ncodecs = ["vorbis"]')
    assert fault(text).where == f"mine.toml:{line + 1}: audio.codecs"


SECTION = """\
[video]
containers = ["mp4"]
codecs = ["h264"]
pixel_formats = ["yuv420p"]
preset = "medium"
"""


@pytest.mark.parametrize(
    ("lines", "fault_in"),
    [
        (
            ['video.containers = ["mp4"]', 'video.codecs = ["h264"]', 'video.pixel_formats = ["yuv420p"]',
             'video . "preset" = "warp"'],
            3,
        ),
        (['video = {containers = ["mp4"], codecs = ["h264"], pixel_formats = ["yuv420p"], preset = "warp"}'], 0),
    ],
    ids=["dotted", "inline"],
)  # fmt: skip
def test_other_ways_to_write_a_key_are_found_as_well(lines: list[str], fault_in: int) -> None:
    text = TEXT.replace(SECTION, "").replace("max_parts = 24\n", "max_parts = 24\n" + "\n".join(lines) + "\n")
    line = text.splitlines().index(lines[fault_in]) + 1
    assert fault(text).where == f"mine.toml:{line}: video.preset"


@pytest.mark.parametrize("cap", [32_768, 43_692, 1_000_000, 1_000_001, 1_000_002, 1_000_003, 9_999_999])
def test_base64_payloads_fit_to_the_byte(cap: int) -> None:
    if cap // 4 * 3 < MIN_CAP_BYTES:
        with pytest.raises(ProfileError):
            parse(TEXT.replace('"none"', '"base64"').replace("1_000_000", str(cap)))
        return
    payload = parse(TEXT.replace('"none"', '"base64"').replace("1_000_000", str(cap))).payload_cap_bytes
    assert len(base64.b64encode(b"x" * payload)) <= cap
    assert len(base64.b64encode(b"x" * (payload + 1))) > cap


def test_without_transfer_encoding_the_cap_is_the_payload() -> None:
    assert parse(TEXT).payload_cap_bytes == 1_000_000
    text, _ = changed('transfer_encoding = "none"\n', "")
    assert parse(text).transfer_encoding == "none"


def test_another_cap_changes_name_and_hash_and_nothing_else() -> None:
    loaded = parse(TEXT)
    other = loaded.with_cap(300_000)
    assert (other.cap_bytes, other.payload_cap_bytes) == (300_000, 300_000)
    assert other.name == "mine-cap300000"
    assert re.fullmatch(r"[0-9a-f]{64}", other.sha256)
    assert len({loaded.sha256, other.sha256, loaded.with_cap(300_001).sha256}) == 3
    assert other.floors == loaded.floors
    assert loaded.with_cap(1_000_000) is loaded
    assert loaded.with_cap(300_000) == other


@pytest.mark.parametrize("cap", [32_767, 1, 0, -5])
def test_a_cap_no_certificate_fits_in_is_refused(cap: int) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(TEXT).with_cap(cap)
    assert caught.value.code == "cap-too-small"
    assert str(MIN_CAP_BYTES) in str(caught.value)


def test_an_own_file_is_read_like_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT)
    assert profile.load(path).name == profile.load(str(path)).name == "mine"
    assert profile.load(path).origin == str(path)


def test_a_profile_that_is_not_there_or_not_text_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name in (tmp_path / "none.toml", tmp_path / "binary.toml", tmp_path):
        with pytest.raises(ProfileError) as caught:
            profile.load(name)
        assert caught.value.code == "profile-unreadable"
    with pytest.raises(ProfileError) as caught:
        profile.load("no-such")
    assert caught.value.code == "profile-unknown"
    assert "cps-twif-1mb" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        TEXT.replace("1_000_000", "1" * 5000),
        TEXT.replace("0.15", "0x" + "F" * 5000),
        TEXT + "# \udc80\n",
    ],
    ids=["deep nesting", "a number of 5000 digits", "a huge number in a message", "a lone surrogate"],
)
def test_hostile_text_is_a_profile_error_too(text: str) -> None:
    fault(text)


def test_a_cap_that_no_certificate_can_state_is_refused_at_once() -> None:
    fault(TEXT.replace("1_000_000", "100_000_000_000_000_000"))
