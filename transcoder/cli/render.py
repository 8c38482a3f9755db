"""Results in words. Nothing here computes; file names and messages are printed without any markup."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.cli.batch import Outcome
from transcoder.model import SourceInfo

if TYPE_CHECKING:
    from transcoder.app import Inspection
    from transcoder.audit.base import Sent
    from transcoder.audit.checking import Checked
    from transcoder.certificate.verify import Verification
    from transcoder.joining import Joined
    from transcoder.receiving import Received

_WORDS = {
    "identical": "identical (same bytes)",
    "lossless": "lossless (every sample equal)",
    "meets-floor": "meets the fidelity floors",
    "degraded": "DEGRADED below a floor, by a named person's decision",
}
_OUTCOMES = {
    "same": "{} as in the source",
    "weakened": "{} less surely",
    "different": "{} DIFFERENTLY",
    "unreadable": "unreadable in the source",
}
_MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "-   "}
"""By a step's outcome; its class is not imported, because whoever says one line need not wait for cryptography."""


def printable(text: str) -> str:
    """Text without control characters, so that a hostile file name cannot steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def say(text: str) -> None:
    """Print a line to standard output."""
    print(printable(text))


def complain(text: str) -> None:
    """Print one line to standard error."""
    print(f"transcoder: {printable(text)}", file=sys.stderr)


def outcome(result: Outcome) -> None:
    """One source's result in a few lines."""
    delivery = result.delivery
    if result.error is not None:
        complain(str(result.error))
        if delivery is not None:
            say(f"{delivery.source.name}: REFUSED")
            for item in delivery.files:
                if item.role == "evidence":
                    say(f"  evidence still: {item.path} ({item.bytes:,} bytes)")
            say(f"  signed refusal: {delivery.file('refusal').path}")
            say(f"  report:         {delivery.file('report').path}")
        return
    assert delivery is not None
    media = [
        item
        for item in delivery.files
        if item.role in ("media", "still", "part", "overview", "tile", "crop", "page", "frame")
    ]
    size = sum(item.bytes for item in media)
    count = f" in {len(media)} files" if len(media) > 1 else ""
    say(f"{delivery.source.name}: {_WORDS[str(delivery.verdict)]}")
    say(f"  {delivery.rung}: {delivery.source.bytes:,} -> {size:,} bytes{count} in {delivery.seconds:.1f} s")
    if delivery.fidelity is not None:
        frame, tile = delivery.fidelity.score("frame"), delivery.fidelity.score("tile")
        count = f"{delivery.fidelity.frames:,} frames measured: " if delivery.source.kind == "video" else ""
        say(
            f"  {count}SSIM mean {frame.mean:.4f}, worst 1 % {frame.p1:.4f}; "
            f"worst place {tile.minimum:.4f}" + (f" at {tile.minimum_at_s:.1f} s" if delivery.source.video else "")
        )
    _tasks(delivery.statement)
    _damage(delivery.statement)
    media += [item for item in delivery.files if item.role == "evidence"]
    for item in media:
        say(f"  file:   {item.path}" + (f" ({item.bytes:,} bytes)" if len(media) > 1 else ""))
    say(f"  report: {delivery.file('report').path}")


def already_sent(source: Path, sent: Sent) -> None:
    """On standard error: the same went out before; whoever sees it in time can stop."""
    receipt = sent.receipt
    if receipt is None:
        landed = "no receipt came"
    else:
        whole = "for all of it" if receipt["complete"] else "and says that something is MISSING"
        landed = f"a receipt came from {receipt['by']} of {receipt['at']}, {whole}"
    by = f" by {sent.operator or sent.user}"
    times = f", {sent.times} times in all" if sent.times > 1 else ""
    complain(
        f"{source.name}: was already sent under this profile on {sent.at[:19]}Z{by} to {sent.out}{times}; {landed}"
    )


def _damage(statement: Mapping[str, Any]) -> None:
    """What was missing before anything was done."""
    for fate in statement["predicate"]["fates"]:
        if fate["fate"] == "damaged":
            say(f"  DAMAGED in the source: {fate['item']}: {fate['note']}")


def _tasks(statement: Mapping[str, Any]) -> None:
    """Regions and task checks in one line each, where there are any."""
    regions = statement["predicate"]["regions"]
    counts = regions.get("counts", {})
    if counts:
        say("  regions: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    for kind, outcomes in regions.get("tasks", {}).items():
        verb = "match" if kind == "face" else "read"
        say(f"  {kind}: " + ", ".join(f"{count} {_OUTCOMES[name].format(verb)}" for name, count in outcomes.items()))
    for warning in (*regions.get("warnings", []), *statement["predicate"].get("warnings", [])):
        complain(warning)


def verification(result: Verification) -> None:
    """Numbered steps of one certificate."""
    say(f"{result.certificate.name}")
    for step in result.steps:
        say(f"  {step.number}. {_MARKS[step.outcome]} {step.title}" + (f": {step.detail}" if step.detail else ""))
    if result.ok:
        say(f'  VERIFIED: the certificate holds; its verdict is "{result.verdict}"')
    else:
        say("  NOT VERIFIED")


def received(result: Received) -> None:
    """What arrived, what lacks, and where the receipt is."""
    said = result.receipt
    counts = said["counts"]
    say(f"{result.certificate.name}: " + ("all of it arrived" if said["complete"] else "INCOMPLETE"))
    say(f"  {counts['intact']} of {counts['files']} files are intact, {counts['unplayable']} of them do not decode")
    for item in said["files"]:
        if item["state"] != "intact":
            say(f"  {item['state'].upper()}: {item['name']}" + (f": {item['detail']}" if item["detail"] else ""))
    if said["lacking_omitted"]:
        say(f"  and {said['lacking_omitted']} more that are missing or damaged")
    original = said["original"]
    if original is not None:
        say(f"  {original['intact']} of {original['volumes']} volumes of the original are intact")
        for state in ("missing", "damaged"):
            if original[state]:
                say(f"  {state.upper()}: volumes {original[state]}")
    for name in said["foreign"]:
        complain(f"{name} is no file of this delivery")
    say(f"  receipt for the sender: {result.path} and {result.path.name}.p7s")


def joined(result: Joined) -> None:
    """What was put together, and what that proves."""
    say(f"{result.path}: {result.proof}")
    for warning in result.warnings:
        complain(warning)


def audit_check(result: Checked) -> None:
    """What a check of the log found."""
    for finding in result.findings:
        say(f"  FAIL {finding}")
    for note in result.notes:
        say(f"  note {note}")
    say(f"{result.folder}: {result.entries:,} entries, {result.checkpoints:,} signed checkpoints")
    if result.ok:
        say(f"  VERIFIED: nothing was changed, removed, added or moved in the first {result.signed_entries:,} entries")
    else:
        say("  NOT VERIFIED")


def audit_line(entry: Mapping[str, Any]) -> str:
    """One entry in one line."""
    who = entry["who"].get("operator") or entry["who"].get("user")
    words = [f"{entry['seq']:>6}", f"{entry['at'][:19]}Z", str(who), entry["event"]]
    for key, value in (
        ("", (entry.get("source") or {}).get("name")),
        ("", entry.get("path") if not entry.get("source") else None),
        ("sha256", ((entry.get("source") or {}).get("sha256") or "")[:16]),
        ("profile", (entry.get("profile") or {}).get("name")),
        ("", entry.get("outcome")),
        ("", (entry.get("delivery") or {}).get("verdict")),
        ("refusal", entry.get("refusal")),
        ("error", (entry.get("error") or {}).get("code")),
        ("override", (entry.get("override") or {}).get("reason")),
        ("certificate", ((entry.get("delivery") or {}).get("certificate_sha256") or "")[:16]),
        ("certificate", ((entry.get("certificate") or {}).get("sha256") or "")[:16]),
        *(("certificate", (item.get("sha256") or "")[:16]) for item in entry.get("certificates", ())[:3]),
    ):
        if value:
            words.append(f"{key} {value}".strip())
    return "  ".join(words)


def regions(result: Inspection) -> None:
    """What was found, kind by kind, and where it was written."""
    for kind in result.found.kinds():
        found = [region for region in result.found.regions if region.kind is kind]
        notes = [region.note for region in found if region.note]
        say(
            f"{kind}: {len(found)}" + (f" ({', '.join(notes[:6])}{', ...' if len(notes) > 6 else ''})" if notes else "")
        )
    if not result.found.regions:
        say("nothing was found; frames and tiles are measured all the same")
    for warning in result.found.warnings:
        complain(warning)
    say(f"  contact sheet: {result.sheet}")
    say(f"  regions:       {result.document}")


def source(info: SourceInfo) -> None:
    """What is in a source."""
    say(f"{info.name}: {info.bytes:,} bytes, sha256 {info.sha256}")
    if info.video is not None:
        video = info.video
        say(
            f"  video (stream {video.index}) {video.codec} {video.width}x{video.height} {video.pixel_format}, "
            f"{video.frames:,} packets, {float(video.duration_s):.3f} s, timing: {video.timing}"
            + (", variable frame rate" if video.variable_rate else "")
            + (f", interlaced, {video.field_order}" if video.interlaced else "")
            + (f", rotation {video.rotation_deg}" if video.rotation_deg else "")
            + (f", sample aspect {video.sample_aspect}" if video.sample_aspect not in (None, 1) else "")
        )
    for track in info.audio:
        say(f"  audio {track.codec} {track.sample_rate_hz} Hz {track.channels} ch, {float(track.duration_s):.3f} s")
    for other in info.others:
        size = f" {other.size[0]}x{other.size[1]}" if other.size else ""
        say(f"  other (stream {other.index}) {other.kind} {other.codec or ''}{size} {other.name}".rstrip())
    if info.video is not None and any(other.footage for other in info.others):
        say(f"  stream {info.video.index} was chosen ({info.video.chosen}); --stream N takes another, all every one")
    if info.still is not None:
        still = info.still
        say(f"  picture {still.format} {still.width}x{still.height} {still.mode}, {still.bit_depth} bits")
        if still.damage:
            say(f"  damaged: {still.damage}")
        for extra in still.extras:
            say(f"  beside it: {extra}")
    for key, value in sorted(info.metadata.items()):
        say(f"  tag {key}: {value[:100]}")
