"""Ready-made values of the core types; each test names only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcoder import profile as profiles
from transcoder.certificate import statement as statements
from transcoder.certificate.base import SignerIdentity
from transcoder.model import (
    Attempt,
    AudioTrack,
    CaseFields,
    Choice,
    DeliveredFile,
    Encoded,
    EncodeSpec,
    Fate,
    Fidelity,
    ItemFate,
    Knob,
    Override,
    Rung,
    RungName,
    Score,
    SourceInfo,
    StillInfo,
    Verdict,
    VideoTrack,
)
from transcoder.profile import Profile

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MKV = "matroska,webm"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHA = "ab" * 32


def video_track(**changes: Any) -> VideoTrack:
    """H.264 at 25 frames a second, 10 s, 640x360."""
    track = VideoTrack(
        index=0,
        codec="h264",
        profile="High",
        pixel_format="yuv420p",
        width=640,
        height=360,
        sample_aspect=None,
        rotation_deg=0,
        mirrored=False,
        display_matrix=None,
        interlaced=False,
        color_range=1,
        color_primaries=1,
        color_trc=1,
        color_space=1,
        time_base=Fraction(1, 12800),
        average_rate=Fraction(25),
        start_s=Fraction(0),
        duration_s=Fraction(10),
        frames=250,
        timing="container",
        variable_rate=False,
        payload_bytes=800_000,
    )
    return replace(track, **changes)


def audio_track(**changes: Any) -> AudioTrack:
    """AAC, mono, 10 s."""
    track = AudioTrack(
        index=1,
        codec="aac",
        sample_rate_hz=16000,
        channels=1,
        layout="mono",
        duration_s=Fraction(10),
        payload_bytes=40_000,
        start_s=Fraction(0),
    )
    return replace(track, **changes)


def still_info(**changes: Any) -> StillInfo:
    """An 8-bit colour JPEG with 4:4:4 chroma."""
    still = StillInfo(
        format="jpeg",
        mode="RGB",
        width=640,
        height=480,
        bit_depth=8,
        pages=1,
        subsampling="4:4:4",
        has_transparency=False,
        orientation=1,
        exif_bytes=0,
        icc_bytes=0,
        xmp_bytes=0,
        extras=(),
    )
    return replace(still, **changes)


def video_source(track: VideoTrack | None = None, **changes: Any) -> SourceInfo:
    """An MP4 file of 900,000 bytes."""
    source = SourceInfo(
        path=Path("/evidence/camera 1.mp4"),
        bytes=900_000,
        sha256=SHA,
        container=MP4,
        video=track or video_track(),
        metadata={"major_brand": "isom"},
    )
    return replace(source, **changes)


def still_source(still: StillInfo | None = None, **changes: Any) -> SourceInfo:
    """A picture of 300,000 bytes."""
    picture = still or still_info()
    source = SourceInfo(
        path=Path(f"/evidence/scene.{picture.format}"),
        bytes=300_000,
        sha256=SHA,
        container=picture.format,
        still=picture,
    )
    return replace(source, **changes)


def profile(**changes: Any) -> Profile:
    """The shipped 1 MB profile, changed."""
    return replace(profiles.load("cps-twif-1mb"), **changes)


def video_rules(**changes: Any) -> profiles.VideoRules:
    """The 1 MB profile's video rules, changed."""
    return replace(profiles.load("cps-twif-1mb").video, **changes)


def still_rules(*formats: str) -> profiles.StillRules:
    """Still rules with these formats."""
    return profiles.StillRules(formats=formats)


def quality_rung(**changes: Any) -> Rung:
    """A rung tuned by an integer quality, as stills are."""
    rung = Rung(
        name=RungName.RE_ENCODE,
        encoder="jpeg",
        extension="jpg",
        knob=Knob(name="quality", low=5, high=96, start=75, integer=True, proportional=False),
    )
    return replace(rung, **changes)


def bytes_rung(cap: int, **changes: Any) -> Rung:
    """A rung tuned by a byte target, as videos are."""
    rung = Rung(
        name=RungName.RE_ENCODE,
        encoder="h264",
        extension="mp4",
        knob=Knob(
            name="target_bytes", low=cap * 0.05, high=cap * 1.05, start=cap * 0.99, integer=False, proportional=True
        ),
    )
    return replace(rung, **changes)


def fixed_rung(name: RungName = RungName.REWRAP, encoder: str = "remux") -> Rung:
    """A rung without a knob."""
    return Rung(name=name, encoder=encoder, extension="mp4")


def score(value: float = 0.95, **changes: Any) -> Score:
    """Luma SSIM of the whole frame."""
    item = Score(
        metric="ssim", region="frame", plane="y", mean=value, p1=value, minimum=value, minimum_at_s=0.0, detail=""
    )
    return replace(item, **changes)


def fidelity(frame: float = 0.95, tile: float = 0.9, **changes: Any) -> Fidelity:
    """What a measurement of 50 frames gives."""
    count = int(changes.pop("frames", 50))
    times = tuple(number / 25 for number in range(count))
    result = Fidelity(
        frames=count,
        scores=(
            score(frame),
            score(0.93, plane="cb"),
            score(tile, region="tile", detail="worst tile of a frame"),
            score(38.0, metric="psnr", detail="dB"),
        ),
        times_s=times,
        ssim_y=tuple(frame + 0.01 * ((number % 7) / 7) for number in range(count)),
        worst_tile=tuple(tile + 0.01 * ((number % 5) / 5) for number in range(count)),
        tile_grid=(10, 6),
        worst_tile_box=(64, 64, 68, 68),
        worst_at_s=0.4,
        max_time_error_s=Fraction(0),
        parameters={"kernel_version": "1"},
    )
    return replace(result, **changes)


def encoded(path: Path = Path("encode-1.mp4"), size: int = 700_000, **changes: Any) -> Encoded:
    """A finished encoding."""
    return replace(Encoded(path=path, bytes=size, settings={"bitrate_bps": 560_000, "preset": "medium"}), **changes)


def choice(size: int = 700_000, measured: Fidelity | None = None, rejected: Sequence[Attempt] = ()) -> Choice:
    """A re-encode that won."""
    winner = Attempt(
        spec=EncodeSpec(rung=bytes_rung(1_000_000), knob_value=990_000.0),
        bytes=size,
        fidelity=measured or fidelity(),
        rejected_for="",
        encodes=1,
    )
    return Choice(winner=winner, encoded=encoded(size=size), attempts=(*rejected, winner))


IDENTITY = SignerIdentity(subject="CN=Test", certificate_sha256="cd" * 32, self_issued=True)


def statement(
    *,
    source: SourceInfo | None = None,
    subjects: Sequence[DeliveredFile] | None = None,
    used: Profile | None = None,
    verdict: Verdict = Verdict.MEETS_FLOOR,
    case: CaseFields | None = None,
    override: Override | None = None,
    fates: Sequence[ItemFate] = (ItemFate(item="timestamps", fate=Fate.KEPT),),
    skipped: Sequence[tuple[RungName, str]] = ((RungName.UNCHANGED, "over the cap"),),
    measured: Fidelity | None = None,
    chosen: Choice | None = None,
    refusal: Mapping[str, object] | None = None,
    issued_at: datetime = NOW,
    signer: SignerIdentity = IDENTITY,
) -> dict[str, Any]:
    """A complete statement about one delivered video (or a refusal)."""
    found = measured or fidelity()
    files = [DeliveredFile(role="media", path=Path("clip.mp4"), bytes=700_000, sha256="ef" * 32)]
    return statements.build(
        statements.StatementInput(
            source=source or video_source(),
            profile=used or profile(),
            verdict=verdict,
            choice=chosen or choice(measured=found),
            skipped=skipped,
            subjects=files if subjects is None else subjects,
            fidelity=None if refusal is not None else found,
            case=case or CaseFields(),
            override=override,
            signer=signer,
            issued_at=issued_at,
            fates=fates,
            refusal=refusal,
        )
    )


def no_choice(*attempts: Attempt) -> Choice:
    """A search that found nothing."""
    return Choice(winner=None, encoded=None, attempts=attempts)
