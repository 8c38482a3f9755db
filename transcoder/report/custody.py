"""The chain of custody as the certificate knows it, line by line, and how anybody checks it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from transcoder.model import exact_clock
from transcoder.report import signed

_SHOWN_CHARACTERS = 300
"""Of a value that a later version of the tool put in: the certificate has it whole."""
_COMMANDS = 12
"""More files than this are hashed with one command for the whole folder."""
_LATER = {
    "trusted_time": "Trusted time",
    "credentials": "Content Credentials",
    "receipt": "Receipt",
    "receipts": "Receipts",
}
_RUNGS = {
    "unchanged": "sent as it is",
    "rewrap": "packed anew, the recording itself copied",
    "lossless": "packed tighter without any loss",
    "re-encode": "compressed anew",
    "split": "divided into several files",
    "reduce": "compressed anew, with less than the source holds",
    "refuse": "not sent",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: who, what, when."""

    label: str
    text: str
    code: str = ""
    """A hash or setting, in the type of machines."""


def rung(name: str) -> str:
    """What a rung of the ladder does, for people; ``re-encode (h264)`` is read as its rung."""
    return _RUNGS.get(name.split(" ", maxsplit=1)[0], name)


def entries(predicate: Mapping[str, Any], subject: str, self_issued: bool, *, short: bool = False) -> list[Entry]:
    """From the master to the signature; ``short`` leaves out what the page says at its top."""
    source, case, tool = predicate["source"], predicate["case"], predicate["tool"]
    found = [Entry("Source (the “master”)", f"{source['name']}, {source['bytes']:,} bytes. It was only read, never "
                   "changed. Its SHA-256, a fingerprint that no other file has:", source["sha256"])]  # fmt: skip
    about = ", ".join(text for text in (_of_video(source.get("video")), _of_still(source.get("still"))) if text)
    if about:
        found.append(Entry("What it holds", about))
    found.append(Entry("Sent by", case.get("operator", "no name was given")))
    found += [] if short else _decisions(predicate)
    profile = predicate["profile"]
    found.append(Entry("Rules applied", f"profile {profile['name']}, version {profile['version']}: no file over "
                       f"{profile['payload_cap_bytes']:,} bytes. Its fingerprint:", profile["sha256"]))  # fmt: skip
    ffmpeg = tool["libraries"].get("ffmpeg")
    found.append(Entry("Made with", f"{tool['name']} {tool['version']}{f', FFmpeg {ffmpeg}' if ffmpeg else ''}, "
                       f"{tool['platform']}"))  # fmt: skip
    delivery = predicate["delivery"]
    if delivery:
        settings = ", ".join(f"{key} = {value}" for key, value in delivery["settings"].items())
        proof = f". Proof: {delivery['lossless_proof']}" if delivery["lossless_proof"] else ""
        how = f"{rung(delivery['rung'])} ({delivery['rung']}, {delivery['encoder']}){proof}"
        found.append(Entry("How", how, settings))
    found.append(Entry("When", f"{predicate['issued_at'].replace('T', ' ').replace('Z', '')} UTC, by the clock of the "
                       "machine that made it"))  # fmt: skip
    key = predicate["signer"].get("certificate_sha256", "")
    weight = (
        ". This key was made by the tool for itself: the signature proves that nothing was changed since, not who is "
        "behind it"
        if self_issued
        else ""
    )
    found.append(Entry("Signed by", f"{subject}{weight}. Fingerprint of the signing certificate:", key))
    stamped = predicate.get("trusted_time")
    if isinstance(stamped, Mapping) and stamped.keys() == {"authority"}:
        words = f"the signature carries a time-stamp of {stamped['authority']}; verifying shows what it confirms"
        found.append(Entry("Trusted time", words))
        predicate = {**predicate, "trusted_time": None}
    credentials = predicate.get("credentials")
    if isinstance(credentials, Mapping) and credentials.keys() == {"files", "incoming", "other"}:
        if credentials["files"]:
            found.append(Entry("Content Credentials", signed.sentence(credentials)))
        predicate = {**predicate, "credentials": None}
    found += [
        Entry(label, text) for key, label in _LATER.items() if (text := plain(predicate.get(key))[:_SHOWN_CHARACTERS])
    ]
    return found


def _decisions(predicate: Mapping[str, Any]) -> Iterator[Entry]:
    edit, haste, override = predicate.get("edit"), predicate.get("haste"), predicate["override"]
    if edit:
        yield Entry("Cut to a clip", f"{edit['frames']:,} pictures, from {exact_clock(Fraction(edit['from_s']))} to "
                    f"{exact_clock(Fraction(edit['to_s']))} after the source's first picture")  # fmt: skip
    if haste:
        effort = (
            f"so the tool worked with less effort (preset {haste['preset']} in place of {haste['usual_preset']}); "
            "somewhat less detail is kept at the same size"
            if haste["preset"] != haste["usual_preset"]
            else "which left time for the usual effort"
        )
        yield Entry("In a hurry", f"it was wanted within {haste['within_s']} s, {effort}")
    if override:
        yield Entry("Sent below the floor", f"{override['operator']} decided: {override['reason']}")


def _of_video(video: Mapping[str, Any] | None) -> str:
    if not video:
        return ""
    extras = "".join(
        words
        for there, words in (
            (video["variable_rate"], ", uneven intervals between pictures"),
            (video["interlaced"], ", interlaced (two half pictures in each)"),
            (video["rotation_deg"], f", shown turned by {video['rotation_deg']}°"),
        )
        if there
    )
    return (
        f"video of {exact_clock(Fraction(str(video['duration_s'])))}, {video['width']} × {video['height']} dots "
        f"({video['codec']}, {video['pixel_format']}){extras}"
    )


def _of_still(still: Mapping[str, Any] | None) -> str:
    if not still:
        return ""
    pages = f", {still['pages']} pages" if still["pages"] > 1 else ""
    return f"a picture of {still['width']} × {still['height']} dots ({still['format']}, {still['mode']}){pages}"


def plain(value: Any) -> str:
    """Any value of a statement as a line of text."""
    if isinstance(value, Mapping):
        return "; ".join(
            f"{str(key).replace('_', ' ')}: {plain(item)}"
            for key, item in value.items()
            if item not in (None, "", [], {})
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(plain(item) for item in value)
    return "" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def warnings(predicate: Mapping[str, Any]) -> list[str]:
    """What the tool wants nobody to overlook: of the statement, and of the search for regions."""
    listed = predicate.get("warnings") or []
    own = [plain(item) for item in ([listed] if isinstance(listed, str | Mapping) else listed)]
    return [text[:_SHOWN_CHARACTERS] for text in (*own, *predicate["regions"].get("warnings", [])) if text]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a check: what to do, with which commands, and what must come out."""

    text: str
    commands: tuple[str, ...]
    result: str


def typed(name: str) -> str:
    """A file's name as a shell takes it: never as an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def steps(predicate: Mapping[str, Any], certificate: str, signature: str) -> list[Step]:
    """How anybody checks the delivery, with this tool or without."""
    files, source = predicate["files"], typed(predicate["source"]["name"])
    quoted, signed = typed(certificate), typed(signature)
    found = [
        Step(
            "Get the sender's authority certificate (a small file, ca.pem) by another way than this delivery, for "
            "example in person. It shows whose signature to expect.",
            (),
            "",
        ),
        Step(
            f"Check that nobody changed the certificate {certificate} since it was signed. OpenSSL is on most "
            "machines; open a terminal in the folder with the files and type:",
            (f"openssl cms -verify -binary -inform DER -in {signed} -content {quoted} -CAfile ca.pem -no-CApath "
             "-no-CAstore -out /dev/null",),
            "It must say: CMS Verification successful",
        ),
    ]  # fmt: skip
    if files:
        each = [f"openssl dgst -sha256 {typed(file['name'])}" for file in files]
        one = f"It must print: {files[0]['sha256']}"
        many = "Each must print the SHA-256 that this page lists for its file."
        found.append(
            Step(
                "Check that no file was changed. The fingerprint (SHA-256) of each must be the one that the "
                "certificate names:",
                tuple(each) if len(each) <= _COMMANDS else ("openssl dgst -sha256 ./*",),
                one if len(files) == 1 else many,
            )
        )
    found.append(
        Step(
            "Or let this tool do all of that, in numbered steps. With the source at hand it also measures again:",
            (f"transcoder verify {quoted} --ca ca.pem", f"transcoder verify {quoted} --ca ca.pem --source {source}"),
            "It must end without “FAIL”.",
        )
    )
    if predicate["parts"] or predicate["original"] or (predicate["pieces"] or {}).get("kind") == "tiles":
        suffix = shlex.quote(PurePath(files[0]["name"]).suffix) if files else ""
        text = "Put the files together again. The tool proves that nothing is missing:"
        found.append(Step(text, (f"transcoder join {quoted} --out joined{suffix}",), ""))
    return found
