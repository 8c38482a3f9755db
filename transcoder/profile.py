"""Transmission profiles: commented TOML files that say what an interface takes and what must survive.

A profile is data, and a user's own file is treated exactly like a shipped one. Every error names the
dotted key and the line, because the person who reads it has the file open in an editor.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from transcoder import resources
from transcoder.errors import ProfileError
from transcoder.model import RungName
from transcoder.profile_schema import LIMITS, Table, check

MIN_CAP_BYTES = 32_768
"""Below this a certificate and its report do not fit (measured: about 12 kB and 16 kB without pictures)."""

MAX_CAP_BYTES = 1 << 50
"""Far above any interface, and a number that every JSON reader holds exactly."""

FLOOR_CLASSES = ("frame", "tile", "face", "plate", "text", "person", "vehicle", "motion")

_MAX_CHARACTERS = 100_000
_MAX_DOTS = 100
"""In one line: the parser's time for a dotted key grows with the square of its parts, and 40 kB took minutes."""

_FLOOR_DEFAULTS = {"vehicle": "person"}
"""A class that a profile may leave out takes another's floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRules:
    """What the receiver plays. The order of each tuple is the order of preference."""

    containers: tuple[str, ...]
    """None: no video is taken at all."""
    codecs: tuple[str, ...]
    pixel_formats: tuple[str, ...]
    preset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRules:
    """Audio is copied where the codec is allowed and it takes at most ``max_share`` of the cap, else AAC."""

    codecs: tuple[str, ...]
    max_share: float
    min_bitrate_bps: int
    max_bitrate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRules:
    """Formats a picture may arrive in, in order of preference."""

    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceRules:
    """What may be given up beside detail, and how far; nothing without ``steps``."""

    steps: tuple[str, ...] = ()
    """``audio``, ``repeats`` and ``scale`` in the order in which they are given up."""
    audio_bitrate_bps: int = 0
    repeat_difference: int = 0
    """A frame repeats the one before where no sample differs by more."""
    scales: tuple[Fraction, ...] = ()
    """Of width and height, tried in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A validated transmission profile.

    ``cap_bytes`` is what the interface accepts; ``payload_cap_bytes`` is what a file on disk may
    hold, which is less where the interface counts the base64 form.
    """

    name: str
    title: str
    version: int
    cap_bytes: int
    transfer_encoding: str
    max_parts: int
    evidence_stills: int
    """How many of a video's best frames go along as pictures."""
    originals: bool
    """Whether the untouched original goes along in volumes."""
    wrap: str
    """``pdf``: pictures go as pages of documents; ``none``: as they are."""
    video: VideoRules
    audio: AudioRules
    still: StillRules
    floors: Mapping[str, float]
    fallback: tuple[RungName, ...]
    reduce: ReduceRules
    sha256: str
    origin: str = field(compare=False)

    @property
    def as_documents(self) -> bool:
        """Whether pictures go as pages of documents."""
        return self.wrap == "pdf"

    @property
    def payload_cap_bytes(self) -> int:
        """The largest file that, encoded for transfer, is at most ``cap_bytes``."""
        if self.transfer_encoding == "base64":
            return self.cap_bytes // 4 * 3  # RFC 4648: every 3 bytes become 4 characters
        return self.cap_bytes

    def with_cap(self, cap_bytes: int) -> Profile:
        """The same profile with another cap; the name says so, so that no certificate can mislead.

        :raises ProfileError: for a cap that no certificate fits in.
        """
        _check_cap(cap_bytes, self.transfer_encoding, where="--cap")
        if cap_bytes == self.cap_bytes:
            return self
        digest = hashlib.sha256(f"{self.sha256}\ncap_bytes={cap_bytes}\n".encode()).hexdigest()
        return replace(self, name=f"{self.name}-cap{cap_bytes}", cap_bytes=cap_bytes, sha256=digest)

    def with_max_parts(self, max_parts: int) -> Profile:
        """The same profile with another limit on parts; the name says so.

        :raises ProfileError: below 1.
        """
        if max_parts < 1:
            raise ProfileError("a delivery has one part at the least", where="--max-parts", code="max-parts")
        if max_parts == self.max_parts:
            return self
        digest = hashlib.sha256(f"{self.sha256}\nmax_parts={max_parts}\n".encode()).hexdigest()
        return replace(self, name=f"{self.name}-parts{max_parts}", max_parts=max_parts, sha256=digest)

    @classmethod
    def from_toml(cls, text: str, *, origin: str) -> Profile:
        """Parse and validate a profile.

        :param text: the TOML document.
        :param origin: the file's name, for error messages and the certificate.
        :raises ProfileError: naming the dotted key and line of the first fault.
        """
        if len(text) > _MAX_CHARACTERS:
            raise ProfileError("is larger than any profile", where=origin, code="profile-syntax")
        try:
            text.encode()
            if any(line.count(".") > _MAX_DOTS for line in text.splitlines() if not line.lstrip().startswith("#")):
                raise RecursionError
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # the parser's own error is a ValueError
            kind = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
            raise ProfileError(f"not valid TOML: {kind}", where=origin, code="profile-syntax") from None
        root = check(document, Table(origin=origin, text=text))
        cap_bytes = root.integer("cap_bytes")
        encoding = root.choice("transfer_encoding", ("none", "base64"), default="none")
        _check_cap(cap_bytes, encoding, where=root.place("cap_bytes"))
        video, audio, still = root.table("video"), root.table("audio"), root.table("still")
        floors, fallback = root.table("floors"), root.table("fallback")
        order = tuple(RungName(item) for item in fallback.choices("order", LIMITS["rungs"]))
        wrap = root.choice("wrap", LIMITS["wraps"], default="none")
        formats = still.choices("formats", LIMITS["still_formats"])
        if wrap == "pdf" and not {"jpeg", "png"}.issuperset(formats):
            still.fail("formats", "a page of a PDF holds JPEG and PNG only", 'list these two, or write wrap = "none"')
        return cls(
            name=root.name("name"),
            title=root.string("title"),
            version=root.integer("version"),
            cap_bytes=cap_bytes,
            transfer_encoding=encoding,
            max_parts=root.integer("max_parts"),
            evidence_stills=root.count("stills", default=0),
            originals=root.flag("originals", default=False),
            wrap=wrap,
            video=VideoRules(
                containers=video.choices("containers", LIMITS["containers"], may_be_empty=True),
                codecs=video.choices("codecs", LIMITS["codecs"]),
                pixel_formats=video.choices("pixel_formats", LIMITS["pixel_formats"]),
                preset=video.choice("preset", LIMITS["presets"], default="medium"),
            ),
            audio=AudioRules(
                codecs=audio.choices("codecs", LIMITS["audio_codecs"]),
                max_share=audio.ratio("max_share"),
                min_bitrate_bps=audio.integer("min_bitrate_bps"),
                max_bitrate_bps=audio.integer("max_bitrate_bps"),
            ),
            still=StillRules(formats=formats),
            floors={key: floors.ratio(key, default_key=_FLOOR_DEFAULTS.get(key)) for key in FLOOR_CLASSES},
            fallback=order,
            reduce=_reduce(root, order),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            origin=origin,
        )


def _reduce(root: Table, order: tuple[RungName, ...]) -> ReduceRules:
    if RungName.REDUCE not in order:
        if root.has("reduce"):
            root.fail("reduce", "nothing is reduced by this profile", 'list "reduce" in fallback.order')
        return ReduceRules()
    table = root.table("reduce")
    steps = table.choices("steps", LIMITS["reductions"])
    return ReduceRules(
        steps=steps,
        audio_bitrate_bps=table.integer("audio_bitrate_bps") if "audio" in steps else 0,
        repeat_difference=table.count("repeat_difference", default=0, most=255),
        scales=table.shrinking("scales") if "scale" in steps else (),
    )


def _check_cap(cap_bytes: int, encoding: str, *, where: str) -> None:
    if cap_bytes > MAX_CAP_BYTES:
        raise ProfileError(
            f"a cap beyond {MAX_CAP_BYTES} bytes is no cap",
            where=where,
            hint="write a smaller number",
            code="cap-too-large",
        )
    payload = cap_bytes // 4 * 3 if encoding == "base64" else cap_bytes
    if payload < MIN_CAP_BYTES:
        raise ProfileError(
            f"a cap of {cap_bytes} bytes is smaller than a certificate and its report",
            where=where,
            hint=f"the smallest cap is {MIN_CAP_BYTES} bytes (after transfer encoding)",
            code="cap-too-small",
        )


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped profiles, sorted."""
    names = (item.name for item in resources.folder("profiles").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read_text(name_or_path: str | Path) -> tuple[str, str]:
    """The text of a profile and where it came from.

    :param name_or_path: a shipped name, or the path of a TOML file (recognised by its suffix or a separator).
    :raises ProfileError: where there is none.
    """
    wanted = str(name_or_path)
    if wanted.endswith(".toml") or "/" in wanted or "\\" in wanted:
        try:
            return Path(wanted).read_text(encoding="utf-8"), wanted
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ProfileError(f"cannot read this profile: {reason}", where=wanted, code="profile-unreadable") from None
    if wanted not in shipped_names():
        raise ProfileError(
            f"no shipped profile is called {wanted!r}",
            hint=f"shipped: {', '.join(shipped_names())}; or give the path of a .toml file",
            code="profile-unknown",
        )
    return (resources.folder("profiles") / f"{wanted}.toml").read_text(encoding="utf-8"), f"profiles/{wanted}.toml"


def load(name_or_path: str | Path) -> Profile:
    """Load a shipped profile by name, or a user's own file by path.

    :raises ProfileError: where it is missing or not valid.
    """
    text, origin = read_text(name_or_path)
    return Profile.from_toml(text, origin=origin)
