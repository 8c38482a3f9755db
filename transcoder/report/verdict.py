"""The verdict in one plain sentence, and what it means for the use of a copy: what to show, what to ask the master for.

Readers are officers and prosecutors. Nothing here measures: it says in words what the signed statement holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FLOOR_NAMES = {
    "frame": "The whole picture",
    "tile": "The worst place in the picture",
    "face": "Faces",
    "plate": "Number plates",
    "text": "Text",
    "person": "People",
    "vehicle": "Vehicles",
    "motion": "What moves",
}
_ONE = {"face": "face", "plate": "number plate", "text": "line of text"}
_MANY = {"face": "faces", "plate": "number plates", "text": "lines of text"}
_NAMED = 4
"""More places than this in one sentence nobody reads; the cards below have them all."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A verdict: a short label, a tone (``good`` or ``bad``), the sentence, and what stands behind it."""

    label: str
    tone: str
    text: str
    meaning: str


_VERDICTS = {
    "identical": Sentence(
        "Identical",
        "good",
        "This is the source file itself. Nothing was changed.",
        "Every byte of the delivered file is the same as in the source. Whatever the source shows, this shows.",
    ),
    "lossless": Sentence(
        "Lossless",
        "good",
        "This copy shows exactly the same picture as the source.",
        "Only the way the file is packed was changed, so that it can be sent. Every picture was compared and is equal.",
    ),
    "meets-floor": Sentence(
        "Meets the fidelity floors",
        "good",
        "This is a compressed copy that passed every quality check set for it.",
        "It was made smaller so that it can be sent. All of it was compared with the source. The limits that it had to "
        "keep (“floors”) are set by the profile that the sender chose.",
    ),
    "degraded": Sentence(
        "Degraded",
        "bad",
        "This is a compressed copy below the required quality.",
        "A named person decided to send it all the same. Detail that is in the source may be missing here.",
    ),
    "refused": Sentence(
        "Refused",
        "bad",
        "Nothing was delivered: no copy small enough to send keeps enough detail.",
        "The source was not changed. Below is how near the best attempt came, and what would work.",
    ),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """One line of what a copy may be used for."""

    tone: str
    """``yes``, ``care`` or ``no``."""
    head: str
    text: str
    at_s: float | None = None
    """The moment it speaks of."""


def sentence(predicate: Mapping[str, Any]) -> Sentence:
    """The verdict in words."""
    return _VERDICTS[predicate["verdict"]]


def missed(predicate: Mapping[str, Any]) -> list[str]:
    """Classes whose worst 1 % is below their floor."""
    fidelity, floors = predicate["fidelity"], predicate["profile"]["floors"]
    return [
        score["region"]
        for score in (fidelity["scores"] if fidelity else ())
        if score["metric"] == "ssim" and score["plane"] == "y" and score["p1"] < floors.get(score["region"], -1)
    ]


def advice(predicate: Mapping[str, Any]) -> list[Advice]:
    """What the delivery may be used for, in the order in which people ask."""
    verdict = predicate["verdict"]
    if verdict == "refused":
        return [
            Advice("no", "Nothing to show", "There is no copy. Ask the sender for the source itself by another way, or "
                   "for one of the ways that “What would work” lists.")
        ]  # fmt: skip
    lines = [_showing(predicate), *_identifying(predicate), *_missing(predicate)]
    if verdict == "identical":
        lines.append(Advice("yes", "Expert analysis", "The bytes are those of the source, so an expert may work on it. "
                                   "First check its SHA-256 (see “How to check this yourself”)."))  # fmt: skip
    else:
        lines.append(Advice("no", "Expert analysis", "Not for forensic analysis: measuring, enhancing or comparing by "
                                  "an expert is done on the source (the “master”) only."))  # fmt: skip
    return lines


def _showing(predicate: Mapping[str, Any]) -> Advice:
    verdict, still = predicate["verdict"], predicate["source"]["kind"] == "still"
    if verdict == "identical":
        return Advice("yes", "Showing it", "May be shown wherever the source may be shown. It is the same file.")
    if verdict == "lossless":
        return Advice("yes", "Showing it", "May be shown in place of the source: the picture is the same.")
    if verdict == "meets-floor":
        what = "what the picture shows" if still else "what happens"
        return Advice("yes", "Showing it", f"May be shown to see {what}. Say that it is a compressed copy.")
    below = [FLOOR_NAMES.get(name, name).lower() for name in missed(predicate)]
    which = f" Below the required quality: {_listed(below)}." if below else ""
    return Advice("care", "Showing it", f"Show it only with the warning that detail is missing.{which} Ask for the "
                  "master for anything that is in dispute.")  # fmt: skip


def _identifying(predicate: Mapping[str, Any]) -> Iterator[Advice]:
    head = "Recognising people, reading plates and text"
    if predicate["verdict"] in ("identical", "lossless"):
        yield Advice("yes", head, "As good as the source: whatever can be made out there can be made out here.")
        return
    kinds = predicate["regions"].get("tasks", {})
    for kind in (kind for kind in ("face", "plate", "text") if kinds.get(kind)):
        yield from _tasks(predicate, kind, kinds[kind])
    if not kinds:
        yield Advice("care", head, "No face, number plate or line of text was found and checked in it. Before you "
                     "identify a person or read a plate from this copy, ask for the master.")  # fmt: skip
    else:
        yield Advice("care", "Anything not named here", "Only what the tool found was checked. Before you rely on "
                     "another detail, ask for the master.")  # fmt: skip


def _tasks(predicate: Mapping[str, Any], kind: str, outcomes: Mapping[str, int]) -> Iterator[Advice]:
    head = FLOOR_NAMES[kind]

    def count(outcome: str) -> str:
        number = outcomes.get(outcome, 0)
        return f"{number} {_ONE[kind] if number == 1 else _MANY[kind]}"

    face, one = kind == "face", {name: number == 1 for name, number in outcomes.items()}
    if outcomes.get("different"):
        at_s, where = _where(predicate, kind, "different")
        how = "no longer match the source" if face else "read differently than in the source"
        how = how.replace("match", "matches").replace("read ", "reads ") if one["different"] else how
        yield Advice("no", head, f"{count('different')} {how}{where}. Do not use this copy for that: ask for the "
                     "master there.", at_s)  # fmt: skip
    if outcomes.get("weakened"):
        at_s, where = _where(predicate, kind, "weakened")
        how = "match the source less surely" if face else "read almost, but not surely, as in the source"
        how = how.replace("match", "matches").replace("read ", "reads ") if one["weakened"] else how
        yield Advice("care", head, f"{count('weakened')} {how}{where}. Ask for the master before you rely on it.", at_s)
    if outcomes.get("same"):
        how = "match as well as" if face else "read the same as"
        how = how.replace("match", "matches").replace("read ", "reads ") if one["same"] else how
        only = " This compares the copy with its source; it does not say who the person is." if face else ""
        yield Advice("yes", head, f"{count('same')} {how} in the source.{only}", _where(predicate, kind, "same")[0])
    if outcomes.get("unreadable"):
        how = "too unclear to compare" if face else "not readable"
        yield Advice("care", head, f"{count('unreadable')}: {how} by the tool in the source either, so this could not "
                     "be checked.")  # fmt: skip


def _where(predicate: Mapping[str, Any], kind: str, outcome: str) -> tuple[float | None, str]:
    """The first moment, and the places by name."""
    found = [
        track
        for track in predicate["regions"].get("tracks", [])
        if track["kind"] == kind and track["task"] and track["task"]["outcome"] == outcome
    ]
    if not found:
        return None, ""
    moving = predicate["source"]["kind"] == "video"
    names = [track["id"] for track in found[:_NAMED]] + (["others"] if len(found) > _NAMED else [])
    return (found[0]["key_s"] if moving else None), f" ({_listed(names)})"


def _missing(predicate: Mapping[str, Any]) -> Iterator[Advice]:
    """What is not in the copy, or not as it was."""
    edit, parts, timing = predicate.get("edit"), predicate["parts"], predicate["timing"]
    if edit:
        yield Advice("care", "Only a clip", "The rest of the recording was left out on purpose. What happened before "
                     "and after is in the master only.")  # fmt: skip
    if parts:
        yield Advice("care", "In parts", f"The recording comes in {len(parts)} parts. Show them in their order, or "
                     "join them first; none lacks a picture at a seam.")  # fmt: skip
    if timing and timing["basis"] != "container":
        yield Advice("care", "Times and speed", "The source holds no exact times for its pictures; they were worked "
                     "out. Do not measure speed or duration from this copy.")  # fmt: skip
    if timing and timing.get("repeats") and timing["repeats"]["count"]:
        yield Advice("care", "Repeated pictures", f"{timing['repeats']['count']:,} pictures that repeat the one before "
                     "were left out; the one before stays on display instead.")  # fmt: skip
    gone = [fate for fate in predicate["fates"] if fate["fate"] == "lost"]
    if any("audio" in fate["item"] for fate in gone):
        yield Advice("no", "Sound", "Sound of the source is missing from the copy. Ask for the master to hear it.")
    if gone:
        things = "1 thing" if len(gone) == 1 else f"{len(gone)} things"
        yield Advice("care", "What is missing", f"{things} in the source did not get into the copy. “What was lost or "
                     "changed” lists them.")  # fmt: skip
    if any(fate["fate"] == "damaged" for fate in predicate["fates"]) or _damaged(timing):
        yield Advice("care", "Damage", "The source itself is damaged. The master cannot show more there, but ask for "
                     "it before you draw conclusions from a gap.")  # fmt: skip


def _damaged(timing: Mapping[str, Any] | None) -> bool:
    damage = timing.get("damage") if timing else None
    return bool(damage and (damage["counts"] or damage["ends_early"]))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
