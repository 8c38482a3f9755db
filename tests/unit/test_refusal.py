"""A refusal with numbers."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from tests.helpers import factories
from tests.helpers.fakes import FakeProbe
from transcoder.encode.ladder import Plan
from transcoder.model import Attempt, Choice, Clip, EncodeSpec, Fidelity, RungName, SourceInfo
from transcoder.refusal import Refusal, build_refusal

CAP = 1_000_000
PLAN = Plan(rungs=(), skipped=((RungName.UNCHANGED, "over the cap"), (RungName.RE_ENCODE, "too many frames")))


def fidelity_of(_name: str, size: int) -> Fidelity:
    return factories.fidelity(1 - 0.2 * (CAP / size) ** 0.8)


def near_miss() -> Choice:
    fidelity = fidelity_of("", CAP)
    attempt = Attempt(
        spec=EncodeSpec(rung=factories.bytes_rung(CAP), knob_value=990_000.0),
        bytes=CAP,
        fidelity=fidelity,
        rejected_for="frame 0.800 is below its floor 0.900",
        missed={"frame": (0.8, 0.9)},
        encodes=1,
    )
    return Choice(
        winner=None, encoded=None, attempts=(attempt,), nearest=(attempt, factories.encoded(Path("best.mp4"), CAP))
    )


def refuse(choice: Choice, source: SourceInfo | None = None, probe: FakeProbe | None = None) -> Refusal:
    probe = probe or FakeProbe(int, fidelity_of)
    return build_refusal(choice, PLAN, factories.profile(), source or factories.video_source(), probe)


def test_a_missed_floor_says_what_was_reached_which_cap_would_do_and_how_many_parts() -> None:
    refusal = refuse(near_miss())
    assert refusal.best is not None
    assert refusal.best.bytes == CAP
    assert refusal.smallest is not None
    assert refusal.smallest.measured
    assert refusal.parts == -(-refusal.smallest.bytes // CAP) == 3
    assert "0.800" in refusal.message
    assert str(refusal.smallest.bytes) in refusal.hint
    assert "--accept-degraded" in refusal.hint
    described = refusal.to_dict()
    assert described["code"] == "floor-unreachable"
    assert described["best_achieved"] == {
        "rung": "re-encode (h264)", "bytes": CAP, "missed": {"frame": {"p1": 0.8, "floor": 0.9}}
    }  # fmt: skip
    assert described["smallest_cap"] == {"bytes": refusal.smallest.bytes, "measured": True}
    assert described["parts_estimate"] == 3


def test_a_picture_has_no_parts() -> None:
    assert refuse(near_miss(), factories.still_source()).parts is None


def test_an_estimate_is_called_one() -> None:
    refusal = refuse(near_miss(), probe=FakeProbe(lambda _: 1, broken=frozenset({"h264"})))
    assert refusal.smallest is not None
    assert not refusal.smallest.measured
    assert "estimated" in refusal.hint


def test_nothing_small_enough_names_the_reasons_and_no_numbers_it_does_not_have() -> None:
    over = Attempt(
        spec=EncodeSpec(rung=factories.bytes_rung(CAP)), bytes=CAP + 1, fidelity=None, rejected_for="1000001 bytes"
    )
    refusal = refuse(factories.no_choice(over))
    assert refusal.to_dict()["code"] == "cap-unreachable"
    assert refusal.to_dict()["best_achieved"] is None
    assert refusal.to_dict()["smallest_cap"] is None
    assert "1000001 bytes" in refusal.message


def test_without_any_attempt_the_plans_reasons_speak() -> None:
    assert "too many frames" in refuse(factories.no_choice()).message


def test_it_names_the_limiting_class_its_moment_and_commands_that_would_do() -> None:
    refusal = refuse(near_miss())
    described = refusal.to_dict()
    assert described["limited_by"] == {"class": "frame", "at_s": fidelity_of("", CAP).score("frame").minimum_at_s}
    assert refusal.parts is not None
    assert any(f"--max-parts {refusal.parts + 1}" in line for line in refusal.commands)
    assert any(line.endswith("--with-original") for line in refusal.commands)
    assert any("--accept-degraded" in line for line in refusal.commands)


def test_parts_that_splitting_counted_are_believed_without_further_encodes() -> None:
    given_up = Attempt(
        spec=EncodeSpec(rung=factories.bytes_rung(CAP)), bytes=None, fidelity=None,
        rejected_for="about 40 parts would be needed, and the profile allows 24", needs_parts=40,
    )  # fmt: skip
    choice = near_miss()
    probe = FakeProbe(int, fidelity_of)
    refusal = refuse(
        Choice(winner=None, encoded=None, attempts=(*choice.attempts, given_up), nearest=choice.nearest), probe=probe
    )
    assert refusal.parts == 40
    assert refusal.smallest is not None
    assert (refusal.smallest.bytes, refusal.smallest.measured) == (40 * CAP, False)
    assert probe.encoded == []
    assert any("--max-parts 50" in line for line in refusal.commands)


def test_the_commands_of_a_refused_clip_name_the_very_same_frames() -> None:
    step = Fraction(1001, 30000)
    clip = Clip(first_frame=7, frames=20, from_s=7 * step, to_s=27 * step)
    source = factories.video_source(clip=clip)
    commands = refuse(factories.no_choice(), source).commands
    match = re.search(r"--from ([\d.]+) --to ([\d.]+)", commands[0])
    assert match is not None
    begin, end = Fraction(match[1]), Fraction(match[2])
    assert 7 * step <= begin < 8 * step
    assert 26 * step < end <= 27 * step
