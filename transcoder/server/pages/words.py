"""Plain words for what the service knows by codes: for people who handle evidence, not for engineers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transcoder.jobs.base import Job, JobState, Options, Priority
from transcoder.phases import WORDS as PHASES
from transcoder.profile import Profile
from transcoder.report.verdict import FLOOR_NAMES, sentence

STATES = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "In progress",
    JobState.DELIVERED: "Ready",
    JobState.REFUSED: "Refused",
    JobState.FAILED: "Did not work",
    JobState.CANCELLED: "Cancelled",
}
TONES = {
    JobState.QUEUED: "calm", JobState.RUNNING: "calm", JobState.DELIVERED: "good", JobState.REFUSED: "bad",
    JobState.FAILED: "bad", JobState.CANCELLED: "ended",
}  # fmt: skip
UNDER_WAY = {
    JobState.QUEUED: ("It is waiting for its turn.", "You need not stay: it begins by itself."),
    JobState.RUNNING: ("It is being made.", "You need not stay: it goes on without you."),
}
VERDICTS = {
    "identical": "Identical to the source",
    "lossless": "Same picture as the source",
    "meets-floor": "Good copy, all checks passed",
    "degraded": "Below the required quality",
    "refused": "Refused: nothing delivered",
}
PRIORITIES = {
    Priority.URGENT: ("Urgent", "before all others"),
    Priority.NORMAL: ("Normal", "in its turn"),
    Priority.BULK: ("No hurry", "when nothing else waits"),
}
ROLES = {
    "media": "The copy",
    "part": "A part of the copy",
    "still": "The picture",
    "overview": "The whole picture, smaller",
    "tile": "A piece of the picture",
    "crop": "A lossless cut-out",
    "page": "A page",
    "frame": "A picture of the film",
    "evidence": "A picture taken from the film",
    "credentials": "Content Credentials",
    "volume": "A piece of the untouched original",
    "certificate": "Certificate: what was checked",
    "refusal": "Certificate of the refusal",
    "signature": "Signature of the certificate",
    "report": "Report, to read and print",
}
KINDS = {
    "face": "Face", "plate": "Number plate", "text": "Text or clock", "person": "Person", "vehicle": "Vehicle",
    "motion": "Something that moves",
}  # fmt: skip
EVENTS = {
    "log-opened": "began this log",
    "apply-begun": "began a delivery", "apply-ended": "finished a delivery", "apply-undone": "took a delivery back",
    "verify-begun": "began a check", "verify-ended": "checked a delivery", "receive-begun": "began to receive",
    "receive-ended": "received a delivery", "join-begun": "began to join parts", "join-ended": "joined parts",
    "access-submit": "handed in a file", "access-list": "looked at the list of jobs", "access-read": "looked at a job",
    "access-cancel": "cancelled a job", "access-retry": "had a job run again", "access-download": "fetched a file",
    "access-view": "looked at pictures of a source", "access-verify": "had a delivery checked",
    "access-receipt": "handed in a receipt", "access-upload": "sent a file in blocks",
    "access-form": "opened the form to hand in a file", "access-audit": "read this log",
    "job-removed": "removed an old job", "source-removed": "removed an old source",
    "access-hold": "changed whether a job is kept", "access-refused": "was refused", "access-folded": "did this again",
    "sign-in": "signed in", "sign-out": "signed out",
    "access-webhook": "looked at webhooks or changed them", "webhook-created": "made a webhook",
    "webhook-removed": "ended a webhook",
    "token-created": "made a token", "token-revoked": "revoked a token",
}  # fmt: skip
ADVICE = {"yes": "Yes", "care": "With care", "no": "No"}
STEPS = {"passed": "Passed", "failed": "Failed", "skipped": "Not checked"}
_ENDINGS = {
    "source-changed": "Hand the file in again; it changed while it was read, or was damaged on the way.",
    "no-frames": "Export the recording from its system again, if you can in its own format, and hand that in.",
    "not-media": (
        "Check that you chose the right file, and that it opens on your own computer. A recording that only its"
        " system's own player opens must be exported there first, as MP4 or AVI; then hand in what was exported."
    ),
    "input-empty": "The file is empty. Copy it again from where it comes from.",
    "input-damaged": "Copy the file again from where it comes from. If it stays damaged, ask for it by another way.",
    "storage-failed": "This is not the file's fault. Run it again; if it fails again, tell whoever runs this service.",
    "job-timeout": "It took longer than allowed. Deliver a shorter clip, or ask for more time.",
}
BRIEFLY = {
    "not-media": "it is not a film or picture that can be read", "no-frames": "no picture in the film can be read",
    "input-damaged": "the file is damaged", "input-empty": "the file is empty",
    "source-changed": "the file changed while it was read", "storage-failed": "the service's storage failed",
    "job-timeout": "it took longer than allowed", "cap-too-small": "the limit for a file was too small",
    "upload-too-large": "the file was too large", "no-acceptable-encoding": "no copy was good enough",
    "cancelled": "it was cancelled", "forbidden": "their token does not allow it", "not-found": "no such thing",
}  # fmt: skip
"""Codes of errors, as half a sentence; others are shown as they are."""
UNREADABLE = frozenset(("not-media", "no-frames", "input-damaged", "input-empty"))
"""Endings that no other choice cures: another file is needed."""
_HEADLINES = {
    "not-media": "This file is not a film or picture that can be read.",
    "no-frames": "No picture in this film can be read.",
    "input-damaged": "This file is damaged and cannot be read.",
    "input-empty": "This file is empty.",
}
DEFAULT = Options().profile
_ASK = "Run it again. If it fails again, tell whoever runs this service, and give them the code below."


def phase(job: Job) -> str:
    """What a running job does now."""
    return PHASES.get(job.phase, "starting" if job.phase == "starting" else job.phase)


def remedy(error: Mapping[str, Any]) -> str:
    """What a person can do about a job that failed."""
    return _ENDINGS.get(error["code"]) or error.get("hint") or _ASK


def headline(job: Job) -> tuple[str, str, str]:
    """Tone, headline and a line below it: the first thing to read of a job."""
    if job.state in UNDER_WAY:
        return "calm", *UNDER_WAY[job.state]
    if job.state is JobState.CANCELLED:
        return "calm", "It was cancelled. Nothing was delivered.", "The file you handed in is still here."
    if job.state is JobState.FAILED and (known := _HEADLINES.get((job.error or {}).get("code", ""))):
        return "bad", known, "Nothing was made from it, and nothing was delivered. The file itself was not changed."
    if job.state is JobState.FAILED:
        message = (job.error or {}).get("message", "")
        return "bad", "It did not work. Nothing was delivered.", message[:1].upper() + message[1:]
    if job.verdict not in VERDICTS:  # of a newer program
        return "calm", "It has ended.", "Read the report, if there is one."
    said = sentence({"verdict": job.verdict})
    return said.tone, said.text, said.meaning


def next_step(job: Job, *, submits: bool) -> str:
    """The one thing to do now; empty where there is nothing."""
    if job.state is JobState.DELIVERED and job.verdict == "degraded":
        return "Read what is missing before you send it."
    if job.state is JobState.DELIVERED:
        return "Look at the copy, then download all files and send them together."
    if not submits:
        return ""
    if job.state is JobState.REFUSED:
        return "See below what would work, choose one of these ways, and deliver the file again."
    if job.state is JobState.FAILED:
        return remedy(job.error or {"code": ""})
    return "Run it again, if you want it after all." if job.state is JobState.CANCELLED else ""


def ordered(profiles: Sequence[Profile]) -> list[Profile]:
    """The one that is meant where nobody chooses comes first."""
    return sorted(profiles, key=lambda profile: (profile.name != DEFAULT, not profile.name.startswith("cps")))


def takes(profile: Profile) -> str:
    """What a profile lets through."""
    if profile.as_documents:
        return "Pictures as PDF pages; of films the best pictures."
    films = "films" if profile.video.containers else "no films"
    return f"{films.capitalize()} ({', '.join(item.upper() for item in profile.video.containers)}) and pictures " + (
        f"({', '.join(item.upper() for item in profile.still.formats)})." if profile.still.formats else "."
    )


def floors(profile: Profile) -> list[tuple[str, str]]:
    """The quality that must be kept, strictest first: what, and how alike in percent."""
    ordered = sorted(profile.floors.items(), key=lambda item: -item[1])
    return [(FLOOR_NAMES.get(name, name), f"{value * 100:.0f} %") for name, value in ordered]


def promise(profile: Profile) -> str:
    """A profile's floors in one plain sentence."""
    strict = [FLOOR_NAMES.get(name, name).lower() for name, value in profile.floors.items() if value >= 0.95]
    said = ", ".join(strict[:-1]) + f" and {strict[-1]}" if len(strict) > 1 else "".join(strict)
    rest = f"at least {min(profile.floors.values()) * 100:.0f} % alike everywhere"
    return f"Strictest for {said}; {rest}." if said else f"The copy stays {rest}."


__all__ = [
    "ADVICE", "BRIEFLY", "DEFAULT", "EVENTS", "FLOOR_NAMES", "KINDS", "PRIORITIES", "ROLES", "STATES", "STEPS", "TONES",
    "UNDER_WAY", "UNREADABLE", "VERDICTS", "floors", "headline", "next_step", "ordered", "phase", "promise", "remedy",
    "takes",
]  # fmt: skip
