"""Steps 8 and 9 of a verification: measure again, and let an independent implementation judge samples."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from transcoder.certificate.regions import recorded as recorded_regions
from transcoder.certificate.verify import SENSELESS, TOLERANCE, Outcome, Step, confirm_master, offset_of
from transcoder.errors import CertificateError, TranscodeError
from transcoder.media import documents, frames, stills
from transcoder.media.index import clip_again
from transcoder.media.probe import probe
from transcoder.media.reader import TimedFrame
from transcoder.metrics import measure, packing
from transcoder.metrics.pairing import Output, pairs
from transcoder.metrics.ssim import mean, ssim_map
from transcoder.model import Box, Fidelity, SourceInfo
from transcoder.parts.tiles import rebuild

SAMPLES = 8
ORACLE_BOUND = 0.04
"""How far scikit-image's Gaussian SSIM may lie from ours on one frame (measured in tests: under 0.03)."""
Tick = Callable[[str, int, int | None], None]
_TITLE_8 = "measuring again gives the same scores"
_TITLE_9 = "an independent implementation agrees"


def remeasure(parsed: dict[str, Any], source: Path, folder: Path, tick: Tick) -> list[Step]:
    """Steps 8 and 9 for a verified certificate and its master."""
    predicate = parsed["predicate"]
    recorded = predicate["fidelity"]
    if predicate["delivery"] is None:
        return [_step(8, _TITLE_8, Outcome.SKIPPED, "a refusal delivers no file"),
                _step(9, _TITLE_9, Outcome.SKIPPED, "a refusal delivers no file")]  # fmt: skip
    if recorded is None and predicate["verdict"] == "identical":
        same = predicate["files"][0]["sha256"] == predicate["source"]["sha256"]
        outcome = Outcome.PASSED if same else Outcome.FAILED
        return [_step(8, _TITLE_8, outcome, "the bytes are the master's"),
                _step(9, _TITLE_9, Outcome.SKIPPED, "nothing to measure")]  # fmt: skip
    try:
        info = _master(source, predicate)
        with _outputs(parsed, folder) as outputs:
            fidelity = _measure(info, outputs, tick, predicate).fidelity
            _confirm_crops(predicate, source, folder)
            _confirm_repeats(predicate, fidelity)
            first = _compare(recorded, fidelity, predicate["verdict"])
            return [first, _oracle(info, outputs, fidelity)]
    except (TranscodeError, *SENSELESS) as error:
        return [_step(8, _TITLE_8, Outcome.FAILED, " ".join(str(error).split()) or type(error).__name__),
                _step(9, _TITLE_9, Outcome.SKIPPED, "needs step 8")]  # fmt: skip


def _step(number: int, title: str, outcome: Outcome, detail: str) -> Step:
    return Step(number=number, title=title, outcome=outcome, detail=detail)


def measured_again(parsed: dict[str, Any], source: Path, folder: Path, tick: Tick) -> measure.Measurement | None:
    """A measurement with its pictures, made again; None where there is nothing to compare.

    :raises CertificateError: where ``source`` is not the certificate's master.
    """
    predicate = parsed["predicate"]
    confirm_master(parsed, source)
    if predicate["delivery"] is None or predicate["verdict"] == "identical":
        return None
    info = _master(source, predicate)
    with _outputs(parsed, folder) as outputs:
        return _measure(info, outputs, tick, predicate)


def _master(source: Path, predicate: dict[str, Any]) -> SourceInfo:
    """What was delivered of the master."""
    stream = predicate["source"]["video"]["stream"] if "video" in predicate["source"] else None
    info, edit = probe(source, sha256=predicate["source"]["sha256"], stream=stream), predicate["edit"]
    return clip_again(info, edit["first_frame"], edit["frames"]) if edit else info


@contextmanager
def _outputs(parsed: dict[str, Any], folder: Path) -> Iterator[list[Output]]:
    """The files that hold the picture, in order; tiles are put together first."""
    predicate = parsed["predicate"]
    parts, pieces = predicate["parts"], predicate["pieces"]
    if parts:
        yield [Output(folder / part["name"], Fraction(part["offset_s"])) for part in parts]
    elif pieces and pieces["kind"] == "tiles":
        with tempfile.TemporaryDirectory(prefix="transcoder-") as place:
            whole = Path(place) / "whole.png"
            rebuilt(pieces, folder).save(whole, compress_level=1)
            yield [Output(whole, Fraction(0))]
    elif pieces and pieces["kind"] in ("pages", "frames"):
        yield [Output(folder / item["name"], Fraction(0)) for item in pieces["items"]]
    else:
        name = pieces["overview"] if pieces else predicate["files"][0]["name"]
        repeats = predicate["timing"] and predicate["timing"]["repeats"]
        yield [
            Output(
                folder / name,
                offset_of(parsed),
                scaled="scale" in predicate["delivery"]["settings"],
                repeat_difference=repeats["difference"] if repeats else None,
            )
        ]


def rebuilt(pieces: dict[str, Any], folder: Path) -> Image.Image:
    """The picture of a certificate's tiles.

    :raises CertificateError: where they do not make the picture that the certificate names.
    """
    items = [(folder / item["name"], Box(*item["box"])) for item in pieces["items"]]
    width, height = pieces["size"]
    whole = rebuild(items, (width, height), pieces["mode"])
    if stills.pixels_digest(whole) != pieces["pixels_sha256"]:
        raise CertificateError("the tiles do not make the picture that the certificate names", code="tiles-differ")
    return whole


def _confirm_crops(predicate: dict[str, Any], source: Path, folder: Path) -> None:
    """Every crop is cut out of the master, sample for sample.

    :raises CertificateError: naming the one that is not.
    """
    pieces = predicate["pieces"]
    if not pieces or pieces["kind"] != "crops":
        return
    image = stills.load(source)
    for item in pieces["items"]:
        box = Box(*item["box"])
        crop = image.crop((box.x, box.y, box.right, box.bottom))
        if not stills.pixels_equal(crop, documents.load(folder / item["name"])):
            raise CertificateError("this crop is not the master's", where=item["name"], code="crop-differs")


def _confirm_repeats(predicate: dict[str, Any], fidelity: Fidelity) -> None:
    """:raises CertificateError: where other frames are missing than the certificate lists."""
    repeats = predicate["timing"] and predicate["timing"]["repeats"]
    if repeats and packing.unpack_numbers(repeats["frames"]) != list(fidelity.repeats):
        raise CertificateError("other frames are missing than the certificate lists", code="repeats-differ")


def _measure(info: SourceInfo, outputs: Sequence[Output], tick: Tick, predicate: dict[str, Any]) -> measure.Measurement:
    regions, pieces = recorded_regions(predicate), predicate["pieces"]
    if pieces and pieces["kind"] in ("pages", "frames"):
        numbers = [item["page"] - 1 for item in pieces["items"]]
        return measure.measure_pages(info.path, list(zip(numbers, (item.path for item in outputs), strict=True)))
    if info.video is not None:
        return measure.measure_video(info.path, info.video, outputs, tick, regions)
    return measure.measure_still(info.path, outputs[0].path, regions, scaled=outputs[0].scaled)


def _compare(recorded: dict[str, Any] | None, fidelity: Fidelity, verdict: str) -> Step:
    if recorded is None:
        worst = min(score.minimum for score in fidelity.scores if score.metric == "ssim")
        outcome = Outcome.PASSED if verdict == "lossless" and worst >= 1 - 1e-6 else Outcome.FAILED
        return _step(8, _TITLE_8, outcome, f"{fidelity.frames} frame(s), every sample equal (lowest SSIM {worst:.6f})")
    if recorded["frames"] != fidelity.frames:
        raise CertificateError(f"{fidelity.frames} frames measured, {recorded['frames']} certified")
    largest, where = 0.0, ""
    for entry in recorded["scores"]:
        score = fidelity.score(entry["region"], entry["plane"], entry["metric"])
        scale = 1.0 if entry["metric"] == "ssim" else 100.0
        for value, certified in ((score.mean, entry["mean"]), (score.p1, entry["p1"]), (score.minimum, entry["min"])):
            if abs(value - certified) / scale > largest:
                largest, where = abs(value - certified) / scale, f"{entry['metric']} {entry['region']} {entry['plane']}"
    outcome = Outcome.PASSED if largest <= TOLERANCE else Outcome.FAILED
    detail = f"{fidelity.frames} frame(s) agree within {max(largest, 1e-6):.6f} (allowed {TOLERANCE})"
    if outcome is Outcome.FAILED:
        detail = f"{where} differs by {largest:.6f}, more than the allowed {TOLERANCE}"
    return _step(8, _TITLE_8, outcome, detail)


def _oracle(info: SourceInfo, outputs: Sequence[Output], fidelity: Fidelity) -> Step:
    """scikit-image's structural_similarity (Gaussian weights, sigma 1.5, as Wang et al. 2004) on samples."""
    samples = _sample_still(info, outputs[0]) if info.video is None else _sample_video(info, outputs, fidelity)
    ours, theirs = [], []
    for before, after in samples:
        ours.append(mean(ssim_map(before, after)[0]))
        theirs.append(reference_ssim(before, after))
    if not ours:
        return _step(9, _TITLE_9, Outcome.SKIPPED, "the picture is smaller than the reference's window")
    largest = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    outcome = Outcome.PASSED if largest <= ORACLE_BOUND else Outcome.FAILED
    detail = (
        f"scikit-image on {len(ours)} frame(s): mean {np.mean(theirs):.4f}, ours {np.mean(ours):.4f}, "
        f"largest difference {largest:.4f} (allowed {ORACLE_BOUND})"
    )
    return _step(9, _TITLE_9, outcome, detail)


def reference_ssim(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """scikit-image's SSIM of two luma planes of shape (height, width), uint8."""
    from skimage.metrics import structural_similarity

    value = structural_similarity(  # type: ignore[no-untyped-call]
        before, after, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(value)


Sample = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _sample_still(info: SourceInfo, output: Output) -> list[Sample]:
    before, _ = stills.as_rgb(stills.load(info.path))
    after, _ = stills.as_rgb(documents.load(output.path))
    if output.scaled:
        after = after.resize(before.size, Image.Resampling.BICUBIC)
    return _large_enough([(_luma(before), _luma(after))])


def _luma(image: Image.Image) -> NDArray[np.uint8]:
    return stills.ycbcr_planes(image)[0]


def _sample_video(info: SourceInfo, outputs: Sequence[Output], fidelity: Fidelity) -> list[Sample]:
    """Evenly spaced frames, and the worst one."""
    assert info.video is not None
    worst = min(range(fidelity.frames), key=fidelity.ssim_y.__getitem__)
    step = max(1, fidelity.frames // SAMPLES)
    wanted = {*range(0, fidelity.frames, step), worst}
    full = info.video.color_range == frames.FULL_RANGE
    samples: list[Sample] = []
    for number, pair in enumerate(pairs(info.path, info.video, outputs)):
        if number in wanted:
            before, after = _frame_luma(pair.original, full), _frame_luma(pair.copy, full)
            samples.append((before, after[: before.shape[0], : before.shape[1]]))
    return _large_enough(samples)


def _frame_luma(timed: TimedFrame, full_range: bool) -> NDArray[np.uint8]:
    layout = frames.layout_of(timed.frame.format.name)
    eight_bits = layout is not None and layout.bit_depth == 8
    frame = timed.frame if eight_bits else frames.convert(timed.frame, "yuv444p", full_range=full_range)
    return np.array(frames.planes_of(frame)[0], dtype=np.uint8)


def _large_enough(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if min(sample[0].shape) >= 11]


__all__ = ["ORACLE_BOUND", "measured_again", "rebuilt", "reference_ssim", "remeasure"]
