"""The studio: what the search asks of the world. Real encoders, real sizes on disk, every frame measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from transcoder import beforehand
from transcoder.encode.base import EncodeJob, Encoder
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.encode.reducing import Reduction
from transcoder.encode.still import LossyStill
from transcoder.encode.video import VideoReEncode
from transcoder.media import documents
from transcoder.media.ahead import meanwhile
from transcoder.media.index import FrameIndex
from transcoder.model import Choice, Encoded, EncodeSpec, Fidelity, Region, RegionSet, VideoTrack

if TYPE_CHECKING:
    from transcoder.encode.pdf import Sheet
    from transcoder.encode.statistics import FrameCost
    from transcoder.metrics.checks import Checked
    from transcoder.metrics.measure import Compared, Measurement
    from transcoder.metrics.underway import Underway

PAGE_BYTES = 6144
"""Room for a page around a picture: about 1,700 bytes, up to three more of caption, and an sRGB profile."""
REGIONS_SHARE, REGIONS_BYTES = 0.15, 80_000
"""At most this share of the cap, and so many bytes, may go into one certificate's record of regions."""


class Studio:
    """The probe that the search uses, for one source or for a span of it."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job
        span = job.source.video.span if job.source.video is not None else None
        self.index = FrameIndex(span.first if span is not None else 0)
        """Every frame of the source; empty before regions were looked for."""
        self._costs: tuple[FrameCost, ...] = ()
        self._encoders: dict[str, Encoder] = {}
        self._measurements: dict[Path, Measurement] = {}
        self._underway: dict[Path, Underway] = {}
        """The video that is being made, or was made last."""
        self._compared: dict[Path, Compared] = {}
        """The picture that was made beforehand."""
        self.sheets: dict[Path, Sheet] = {}
        """Pages that pictures went into, by document."""

    @property
    def job(self) -> EncodeJob:
        """What is worked on."""
        return self._job

    def keep_free(self, room_bytes: int) -> None:
        """From now on every file stays so far below the cap."""
        self._job = replace(self._job, cap_bytes=self._job.cap_bytes - room_bytes)

    @property
    def regions(self) -> RegionSet:
        """What was found in the source; nothing before it was looked for."""
        return self._job.regions

    def look_for_regions(self, drawn: Sequence[Region], *, wanted: Sequence[str] | None = None) -> None:
        """Find what is worth keeping, as much of it as the certificate has room to record.

        :param wanted: names of detectors beside motion; None means all that work here.
        """
        from transcoder.regions import packing
        from transcoder.regions.find import find_in_still, find_in_video

        job = self._job
        if job.source.video is not None:
            _warm_up(job.source.video)
            found = find_in_video(job.source.path, job.source.video, drawn, job.tick, index=self.index, wanted=wanted)
        else:
            job.tick("find", 0, 1)
            found = find_in_still(job.source.path, drawn, wanted=wanted)
        media = job.source.video or job.source.still
        assert media is not None
        room = min(int(job.cap_bytes * REGIONS_SHARE), REGIONS_BYTES)
        self._job = replace(job, regions=packing.fit(found, max_bytes=room, size=(media.width, media.height)))

    @contextmanager
    def beforehand(self) -> Iterator[None]:
        """While what is inside is done, a picture's likely file is made already; see ``beforehand``."""
        job = self._job
        if job.source.still is None:
            yield
            return
        whatever, nothing = (plan_ladder(job.source, job.profile, job.cap_bytes, kinds).whole for kinds in (None, ()))
        pairs = [pair for pair in zip(whatever, nothing, strict=False) if pair[0].encoder == whatever[0].encoder]
        encoder = self._encoder(EncodeSpec(rung=whatever[0])) if pairs else None
        if not isinstance(encoder, LossyStill):
            yield
            return
        with meanwhile(partial(beforehand.make, encoder, pairs, job.cap_bytes, self._compare)):
            yield

    def _compare(self, encoded: Encoded) -> None:
        """Begin measuring a picture before regions are known."""
        from transcoder.metrics import measure

        if not self._job.profile.as_documents and Reduction.of(encoded.settings).scale is None:
            self._compared[encoded.path] = measure.compare_stills(self._job.source.path, encoded.path)

    def take_up(self, regions: RegionSet, index: FrameIndex, costs: tuple[FrameCost, ...]) -> None:
        """Go on from what another process found."""
        if self._job.source.video is not None:
            _warm_up(self._job.source.video)
        self._job, self.index, self._costs = replace(self._job, regions=regions), index, costs

    def encode(self, spec: EncodeSpec) -> Encoded:
        """See ``search.Probe``."""
        encoded = self._encoder(spec).encode(spec)
        if self._job.source.still is None:
            return encoded
        path = self.document(encoded.path, "The whole picture")
        return replace(encoded, path=path, bytes=path.stat().st_size)

    def forecast(self, spec: EncodeSpec) -> float | None:
        """See ``search.Probe``; only of pictures, whose encodes are too few to learn from each other."""
        encoder = self._encoder(spec)
        return encoder.forecast(spec) if isinstance(encoder, LossyStill) else None

    @property
    def picture_cap_bytes(self) -> int:
        """The largest picture that is sure to be under the cap, with its page where it goes as a document."""
        return self._job.cap_bytes - (PAGE_BYTES if self._job.profile.as_documents else 0)

    def _encoder(self, spec: EncodeSpec) -> Encoder:
        name = spec.rung.encoder
        if name not in self._encoders:
            self._encoders[name] = ENCODERS[name](replace(self._job, onlook=self._onlook))
        return self._encoders[name]

    def document(self, picture: Path, what: str) -> Path:
        """The picture on the page of a document where the profile asks for it; else the picture as it is.

        :param what: it shows, for the caption.
        :raises EncodeError: where a page cannot hold it untouched.
        """
        if not self._job.profile.as_documents:
            return picture
        from transcoder.encode import pdf

        source = self._job.source
        caption = f"{source.name}: {what}\nMaster SHA-256 {source.sha256}"
        target = picture.with_suffix(documents.SUFFIX)
        self.sheets[target] = pdf.page(picture, caption, target, title=source.name)
        return target

    def frame_costs(self) -> tuple[FrameCost, ...]:
        """What a first pass over the whole found; empty where no encoder made one."""
        for encoder in self._encoders.values():
            if isinstance(encoder, VideoReEncode) and (costs := encoder.frame_costs()):
                return costs
        return self._costs

    def measure(self, encoded: Encoded) -> Fidelity:
        """See ``search.Probe``."""
        from transcoder.metrics import measure
        from transcoder.metrics.pairing import Output

        source, reduction = self._job.source, Reduction.of(encoded.settings)
        if source.video is not None:
            output = Output(encoded.path, encoded.timing_offset_s, reduction.scale is not None,
                            reduction.repeat_difference)  # fmt: skip
            result = self._measured_underway(encoded) or measure.measure_video(
                source.path, source.video, [output], self._job.tick, self.regions.regions
            )
        else:
            self._job.tick("measure", 1, 1)
            result = measure.measure_still(
                source.path, encoded.path, self.regions.regions, scaled=reduction.scale is not None,
                compared=self._compared.pop(encoded.path, None),
            )  # fmt: skip
        self._measurements[encoded.path] = result
        return result.fidelity

    def _onlook(self, path: Path) -> Underway:
        """Measure a file while it is made."""
        from transcoder.metrics.underway import Underway

        assert self._job.source.video is not None
        self._underway = {path: Underway(self._job.source.video, self.regions.regions)}
        return self._underway[path]

    def _measured_underway(self, encoded: Encoded) -> Measurement | None:
        underway = self._underway.pop(encoded.path, None)
        found = underway.measurement(encoded.path, encoded.timing_offset_s) if underway is not None else None
        if found is not None:
            self._job.tick("measure", found.fidelity.frames, found.fidelity.frames)
        return found

    def adopt(self, encoded: Encoded, measurement: Measurement) -> None:
        """Take a measurement that was made elsewhere, of parts."""
        self._measurements[encoded.path] = measurement

    def measurement(self, choice: Choice) -> Measurement | None:
        """Of the file that was chosen; of a refusal, of the best file under the cap."""
        return self._measurements.get(choice.best[1].path) if choice.best else None

    def check(self, choice: Choice) -> Checked:
        """The task checks of the same file."""
        from transcoder.metrics.checks import Checked, check_views

        measured = self.measurement(choice)
        return check_views(measured.views) if measured else Checked()


def _warm_up(track: VideoTrack) -> None:
    """Load the compiled SSIM kernel, where it is worth it, while the first encode runs, which leaves the lock free."""
    Thread(target=_load_kernel, args=[track]).start()


def _load_kernel(track: VideoTrack) -> None:
    import numpy as np

    from transcoder.metrics import measure, ssim

    if measure.needs_compiler(track):
        ssim.ssim_map(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))
