"""The fidelity report: one HTML file that opens without network, server or script.

It is rendered from the signed statement after its signature was verified, never from other values, and
every value that came from media or people is escaped by the template engine. Its pictures are encoded where
media are handled (``illustrate``), and put in here as they are (``page``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from transcoder.errors import CertificateError
from transcoder.metrics.packing import unpack
from transcoder.model import exact_clock
from transcoder.report import pictures, signed
from transcoder.report.charts import Line, clock, fidelity_chart
from transcoder.report.tracks import Card, Thumb, cards, overview, thumbs

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup
    from PIL import Image

    from transcoder.metrics.areas import View

_VERDICTS = {
    "identical": (
        "Identical",
        "good",
        "The delivered file is the source, byte for byte. Nothing was changed.",
    ),
    "lossless": (
        "Lossless",
        "good",
        "Every picture sample is exactly as in the source. Only the packaging changed.",
    ),
    "meets-floor": (
        "Meets the fidelity floors",
        "good",
        "What was delivered is a compressed copy. Every frame was compared with the source, and the worst 1 % "
        "still meet the floors that the transmission profile sets.",
    ),
    "degraded": (
        "Degraded",
        "bad",
        "The delivered file is below a fidelity floor. A named person decided to send it all the same. Detail that "
        "is in the source may be missing here.",
    ),
    "refused": (
        "Refused",
        "bad",
        "No copy was delivered: nothing that the interface takes keeps enough detail.",
    ),
}
_FLOOR_NAMES = {
    "frame": "Whole frame",
    "tile": "Worst place in the frame (64-pixel tiles)",
    "face": "Faces",
    "plate": "Number plates",
    "text": "Text",
    "person": "People",
    "vehicle": "Vehicles",
    "motion": "What moves",
}
_PLANES = {"y": "luma", "cb": "chroma blue", "cr": "chroma red"}
_PICTURE_SHARE = 0.4
"""Share of the cap that pictures may take; the page's own text needs about 16 kB."""
_REGION_SHARE = 0.35
"""And the pictures of regions."""
_PAGE_BYTES = 24_000
_ADDRESS = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True, slots=True)
class SignedBy:
    """What the page says about the signature."""

    subject: str
    self_issued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Illustrations:
    """The pictures of a report, encoded."""

    worst: pictures.Pictures | None = None
    regions: Mapping[str, Thumb] = field(default_factory=dict)

    def confirm(self) -> None:
        """Hold what came from outside against what ``illustrate`` makes.

        :raises CertificateError: where an address is none of a picture.
        """
        pairs = [thumb.pair for thumb in self.regions.values()]
        pairs += [self.worst.crop, self.worst.frame] if self.worst else []
        for address in (address for pair in pairs for address in (pair.before, pair.after)):
            if not _ADDRESS.fullmatch(address):
                raise CertificateError("a picture of the report is none", code="report-picture")


def render(
    statement: Mapping[str, Any],
    signed_by: SignedBy,
    *,
    names: Mapping[str, str],
    before: Image.Image | None,
    after: Image.Image | None,
    max_bytes: int,
    views: Sequence[View] = (),
) -> str:
    """``illustrate`` and ``page`` in one."""
    shown = illustrate(statement["predicate"], before=before, after=after, max_bytes=max_bytes, views=views)
    return page(statement, signed_by, names=names, shown=shown, max_bytes=max_bytes)


def illustrate(
    predicate: Mapping[str, Any],
    *,
    before: Image.Image | None,
    after: Image.Image | None,
    max_bytes: int,
    views: Sequence[View] = (),
) -> Illustrations:
    """Encode the pictures of a report of at most ``max_bytes``.

    :param predicate: of the statement that is reported.
    :param before: the source's picture at the worst moment.
    :param after: the output's picture at that moment.
    :param views: regions at their key moments.
    """
    shown = None
    presentation = _presentation(predicate["source"])
    room = min(600_000, int(max_bytes * _PICTURE_SHARE), max_bytes - _PAGE_BYTES)
    if before is not None and after is not None and room > 4000:
        fidelity = predicate["fidelity"]
        box = tuple(fidelity["worst_tile"]["box"]) if fidelity else (0, 0, *before.size)
        shown = pictures.prepare(before, after, box, presentation, max_bytes=room)
    room = int(max_bytes * _REGION_SHARE)
    return Illustrations(worst=shown, regions=thumbs(predicate, views, presentation, max_bytes=room))


def page(
    statement: Mapping[str, Any],
    signed_by: SignedBy,
    *,
    names: Mapping[str, str],
    shown: Illustrations,
    max_bytes: int,
) -> str:
    """The report as one HTML document of at most ``max_bytes`` (measured; pictures shrink or go first).

    :param statement: a verified statement.
    :param signed_by: who its verified signature names.
    :param names: file names by role: ``certificate`` or ``refusal``, ``signature``, ``report``.
    """
    predicate = statement["predicate"]
    shown.confirm()
    chart = _chart(predicate)
    # What explains most goes last: pictures first, then the chart.
    full, plain = cards(predicate, shown.regions), cards(predicate, {})
    for parts in ((shown.worst, chart, full), (shown.worst, chart, plain), (None, chart, plain), (None, None, [])):
        made = _page(predicate, signed_by, names, *parts)
        if len(made.encode()) <= max_bytes:
            break
    return made


def _page(
    predicate: Mapping[str, Any],
    signed_by: SignedBy,
    names: Mapping[str, str],
    shown: pictures.Pictures | None,
    chart: Markup | None,
    tracks: Sequence[Card],
) -> str:
    title, tone, meaning = _VERDICTS[predicate["verdict"]]
    return _template().render(
        p=predicate,
        signed_by=signed_by,
        names=names,
        certificate_name=names.get("certificate") or names["refusal"],
        floor_names=_FLOOR_NAMES,
        title=title,
        tone=tone,
        meaning=meaning,
        pictures=shown,
        chart=chart,
        tracks=[card for card in tracks if card.worth_showing],
        tasks=overview(predicate),
        warnings=predicate["regions"].get("warnings", []),
        found=sum(predicate["regions"].get("counts", {}).values()),
        scores=_scores(predicate),
        lost=[fate for fate in predicate["fates"] if fate["fate"] != "kept"],
        kept=[fate for fate in predicate["fates"] if fate["fate"] == "kept"],
    )


def prepare() -> None:
    """Load the template, so that the first page takes no longer than the others."""
    _template()


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("transcoder.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    environment.filters["exact_clock"] = lambda fraction: exact_clock(Fraction(fraction))
    environment.filters["bytes"] = lambda number: f"{number:,} bytes"
    environment.filters["credentials"] = signed.sentence
    environment.filters["score"] = lambda number: f"{number:.4f}"
    return environment.get_template("report.html.j2")


def _presentation(source: Mapping[str, Any]) -> pictures.Presentation:
    if "still" in source:
        return pictures.from_exif(source["still"]["orientation"])
    video = source["video"]
    aspect = Fraction(video["sample_aspect"] or 1)
    return pictures.Presentation(
        rotation_deg=video["rotation_deg"],
        mirrored=video["mirrored"],
        sample_aspect=aspect if Fraction(1, 8) < aspect < 8 else Fraction(1),
    )


def _chart(predicate: Mapping[str, Any]) -> Markup | None:
    fidelity = predicate["fidelity"]
    if not fidelity or "series" not in fidelity or fidelity["frames"] < 3 or not predicate["timing"]:
        return None
    floors, series, timing = predicate["profile"]["floors"], fidelity["series"], predicate["timing"]
    first, last = timing["first_s"], timing["last_s"]
    lines = []
    for name, css_class, floor in (("ssim_y", "frame", "frame"), ("worst_tile", "tile", "tile")):
        values = unpack(series[name]["data"])
        # The certificate keeps first and last times; between them a chart of this width needs no more.
        step = (last - first) / max(1, len(values) - 1)
        times = [first + step * index for index in range(len(values))]
        lines.append(Line(name, css_class, times, values, floors.get(floor)))
    return fidelity_chart(lines, fidelity["worst_tile"]["at_s"])


def _scores(predicate: Mapping[str, Any]) -> list[dict[str, Any]]:
    fidelity = predicate["fidelity"]
    if not fidelity:
        return []
    rows = []
    for score in fidelity["scores"]:
        if score["plane"] != "y" and score["region"] != "frame":
            continue  # chroma of regions is in the certificate; a page of it helps nobody
        gated = score["metric"] == "ssim" and score["plane"] == "y"
        floor = predicate["profile"]["floors"].get(score["region"]) if gated else None
        name = _FLOOR_NAMES.get(score["region"], score["region"])
        if score["metric"] == "psnr":
            name = "Signal to noise (PSNR, dB)"
        elif score["plane"] != "y":
            name = f"{name}, {_PLANES[score['plane']]}"
        rows.append({**score, "name": name, "floor": floor, "ok": floor is None or score["p1"] >= floor})
    return rows
