"""What the report tells people: the verdict, what the copy may be used for, losses, custody, and how to check it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pytest

from tests.helpers import factories
from transcoder.model import CaseFields, Fate, ItemFate, Override, Verdict
from transcoder.report import custody, losses, verdict
from transcoder.report.player import playlist

LOSSY = (Verdict.MEETS_FLOOR, Verdict.DEGRADED)


def predicate(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = factories.statement(**fields)["predicate"]
    return found


def refused() -> dict[str, Any]:
    refusal = {"code": "x", "message": "m", "best_achieved": None, "smallest_cap": None}
    return predicate(verdict=Verdict.REFUSED, subjects=[], chosen=factories.no_choice(), refusal=refusal)


def told(of: dict[str, Any]) -> dict[str, verdict.Advice]:
    return {line.head: line for line in verdict.advice(of)}


def with_tasks(kind: str, *outcomes: str, **fields: Any) -> dict[str, Any]:
    """A statement whose regions were checked with these outcomes."""
    made = predicate(**fields)
    tracks = [
        {"id": f"{kind}{number}", "kind": kind, "key_s": 1.5 + number, "task": {"outcome": outcome}}
        for number, outcome in enumerate(outcomes)
    ]
    counts = {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
    made["regions"] = {"detectors": [], "tasks": {kind: counts}, "tracks": tracks}
    return made


@pytest.mark.parametrize(
    ("kind", "tone", "words"),
    [
        (Verdict.IDENTICAL, "good", "the source file itself"),
        (Verdict.LOSSLESS, "good", "exactly the same picture"),
        (Verdict.MEETS_FLOOR, "good", "passed every quality check"),
        (Verdict.DEGRADED, "bad", "below the required quality"),
    ],
)
def test_each_verdict_is_one_plain_sentence(kind: Verdict, tone: str, words: str) -> None:
    said = verdict.sentence(predicate(verdict=kind))
    assert said.tone == tone
    assert words in said.text
    assert "SSIM" not in said.text + said.meaning


def test_a_refusal_has_nothing_to_show_and_sends_people_to_the_source() -> None:
    assert verdict.sentence(refused()).text.startswith("Nothing was delivered")
    (line,) = verdict.advice(refused())
    assert line.tone == "no"
    assert "source itself" in line.text


@pytest.mark.parametrize("kind", [item for item in Verdict if item is not Verdict.REFUSED])
def test_only_the_same_bytes_go_to_an_expert(kind: Verdict) -> None:
    line = told(predicate(verdict=kind))["Expert analysis"]
    assert (line.tone == "yes") == (kind is Verdict.IDENTICAL)
    assert ("forensic" in line.text) == (kind is not Verdict.IDENTICAL)


def test_a_degraded_copy_is_shown_with_a_warning_that_names_what_is_below() -> None:
    found = predicate(verdict=Verdict.DEGRADED, measured=factories.fidelity(0.85, 0.6))
    line = told(found)["Showing it"]
    assert line.tone == "care"
    assert "the whole picture and the worst place in the picture" in line.text
    assert told(predicate())["Showing it"].tone == "yes"


@pytest.mark.parametrize("kind", ["face", "plate", "text"])
@pytest.mark.parametrize(
    ("outcome", "tone"), [("same", "yes"), ("weakened", "care"), ("different", "no"), ("unreadable", "care")]
)
def test_each_outcome_of_a_task_has_its_advice(kind: str, outcome: str, tone: str) -> None:
    for count in (1, 2):
        line = told(with_tasks(kind, *[outcome] * count))[verdict.FLOOR_NAMES[kind]]
        assert line.tone == tone
        assert line.text.startswith(f"{count} {verdict._ONE[kind] if count == 1 else verdict._MANY[kind]}")
        assert line.at_s == (1.5 if outcome != "unreadable" else None)
        if outcome == "different":
            assert "ask for the master" in line.text
            assert f"{kind}0" in line.text
        if count == 1 and outcome in ("same", "different") and kind != "face":
            assert " reads " in line.text


def test_a_face_that_matches_is_no_identification() -> None:
    assert "does not say who the person is" in told(with_tasks("face", "same"))["Faces"].text


@pytest.mark.parametrize("kind", LOSSY)
def test_where_nothing_was_checked_the_master_is_asked_for(kind: Verdict) -> None:
    line = told(predicate(verdict=kind))["Recognising people, reading plates and text"]
    assert line.tone == "care"
    assert "ask for the master" in line.text


def test_lost_sound_damage_and_guessed_times_are_told() -> None:
    fates = [
        ItemFate(item="audio track 1 (aac)", fate=Fate.LOST, note="no room"),
        ItemFate(item="picture", fate=Fate.DAMAGED, note="rows 5 to 9"),
    ]
    source = factories.video_source(factories.video_track(timing="assumed"))
    found = told(predicate(fates=fates, source=source))
    assert found["Sound"].tone == "no"
    assert {"Damage", "What is missing", "Times and speed"} <= found.keys()
    assert not {"Sound", "Damage", "What is missing", "Times and speed"} & told(predicate()).keys()


def test_losses_come_first_and_every_item_is_somewhere() -> None:
    fates = [ItemFate(item=f"{fate} thing {n}", fate=fate, note="why") for n in range(2) for fate in Fate]
    fates += [
        ItemFate(item="audio track 1 (aac)", fate=Fate.CONVERTED, note="AAC at 64000 bit/s"),
        ItemFate(item="timestamps", fate=Fate.KEPT),
    ]
    found = losses.groups(predicate(fates=fates))
    assert [group.fate for group in found] == ["lost", "damaged", "converted", "kept"]
    everything = [item.name for group in found for items in group.topics.values() for item in items]
    assert sorted(everything) == sorted(fate.item for fate in fates)
    assert [item.name for item in found[2].topics["Sound"]] == ["audio track 1 (aac)"]
    assert found[3].topics["Time and order of the pictures"][0].meaning


def test_what_is_the_same_on_several_pages_is_one_line() -> None:
    tag = "TIFF tag 305 Software (21 bytes)"
    fates = [ItemFate(item=f"{page}{tag}", fate=Fate.LOST, note="no place") for page in ("", "page 2: ", "page 3: ")]
    (group,) = losses.groups(predicate(fates=fates))
    assert [item.name for items in group.topics.values() for item in items] == [f"{tag}, also page 2 and 3"]


def test_damaged_places_have_times_and_the_rest_is_counted() -> None:
    found = predicate()
    span = {"kind": "concealed", "from_s": 2.0, "to_s": 3.5, "first_frame": 50, "events": 2}
    found["timing"]["damage"] = {
        "decoded": True, "ends_early": "no index", "counts": {"concealed": 60}, "spans": [span] * 20,
        "spans_omitted": 7,
    }  # fmt: skip
    spots, more, cut = losses.damage(found)
    assert (len(spots), more, cut) == (losses.SPANS, 15, "no index")
    assert spots[0].when == "0:02.0 to 0:03.5"
    assert "2 times" in spots[0].what


def entries(found: dict[str, Any], *, self_issued: bool = False) -> dict[str, custody.Entry]:
    return {entry.label: entry for entry in custody.entries(found, "CN=Test", self_issued)}


def test_the_chain_names_who_what_when_and_by_which_key() -> None:
    found = entries(
        predicate(
            case=CaseFields(operator="PC 1"), override=Override(operator="Insp 2", reason="urgent"),
            verdict=Verdict.DEGRADED,
        )
    )  # fmt: skip
    assert found["Source (the “master”)"].code == factories.SHA
    assert found["Sent by"].text == "PC 1"
    assert found["Sent below the floor"].text == "Insp 2 decided: urgent"
    assert "2026-03-01 12:00:00 UTC" in found["When"].text
    assert found["Signed by"].code == factories.IDENTITY.certificate_sha256
    assert "not who is behind it" in entries(predicate(), self_issued=True)["Signed by"].text
    assert "not who is behind it" not in found["Signed by"].text


def test_what_later_versions_add_is_shown_and_what_earlier_ones_lack_is_not_missed() -> None:
    found = predicate()
    found |= {
        "warnings": ["the clock may be wrong", {"code": "x", "text": "no <network>"}],
        "trusted_time": {"at": "2026-03-01T12:00:05Z", "authority": "TSA", "checked": True},
        "credentials": "embedded", "receipts": [{"by": "CPS"}, {"by": "court"}],
    }  # fmt: skip
    assert custody.warnings(found) == ["the clock may be wrong", "code: x; text: no <network>"]
    added = entries(found)
    assert added["Trusted time"].text == "at: 2026-03-01T12:00:05Z; authority: TSA; checked: yes"
    assert added["Content Credentials"].text == "embedded"
    assert added["Receipts"].text == "by: CPS; by: court"
    for key in ("edit", "haste"):
        del found[key]
    found["tool"]["libraries"] = {}
    assert entries(found)
    assert custody.warnings(predicate()) == []


@pytest.mark.parametrize("name", ["clip.mp4", "a b'c.mp4", "$(touch x).mp4", "-rf.mp4", "Zażółć.mp4"])
def test_commands_name_files_as_a_shell_takes_them(name: str) -> None:
    found = predicate()
    found["files"][0]["name"] = found["source"]["name"] = name
    steps = custody.steps(found, "c.certificate.json", "c.certificate.json.p7s")
    lines = [shlex.split(line) for step in steps for line in step.commands]
    assert [name in line or f"./{name}" in line for line in lines].count(True) == 2
    assert ["openssl", "dgst", "-sha256"] in [line[:3] for line in lines]
    assert any(found["files"][0]["sha256"] in step.result for step in steps)


def test_hundreds_of_files_are_hashed_with_one_command() -> None:
    found = predicate()
    found["files"] *= 300
    lines = [line for step in custody.steps(found, "c", "c.p7s") for line in step.commands]
    assert [line for line in lines if "dgst" in line] == ["openssl dgst -sha256 ./*"]


def parts(*lengths: float) -> Sequence[dict[str, Any]]:
    found, start = [], 10.0
    for number, length in enumerate(lengths, start=1):
        found.append(
            {"number": number, "name": f"p{number}.mp4", "start_s": str(int(start)), "end_s": str(int(start + length)),
             "offset_s": str(int(start))}
        )  # fmt: skip
        start += length
    return found


def test_the_playlist_runs_on_the_clock_of_the_source() -> None:
    found = predicate()
    single = playlist(found)
    assert single is not None
    assert single.first_s == 0
    assert single.last_s == pytest.approx(49 / 25)
    assert single.step_s == pytest.approx(1 / 25)
    found["parts"] = parts(4, 6)
    several = playlist(found)
    assert several is not None
    assert [(track.start_s, track.end_s, track.offset_s) for track in several.tracks] == [(10, 14, 10), (14, 20, 14)]
    assert (several.first_s, several.last_s) == (10, 20)


def test_nothing_plays_where_there_is_nothing_to_compare() -> None:
    still = predicate(source=factories.still_source(), measured=factories.fidelity(frames=1))
    assert [playlist(found) for found in (predicate(verdict=Verdict.IDENTICAL), refused(), still)] == [None] * 3
