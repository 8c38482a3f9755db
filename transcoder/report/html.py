"""The fidelity report: one HTML file that opens without network or server, and says everything without its script.

It is rendered from the signed statement after its signature was verified, never from other values, and
every value that came from media or people is escaped by the template engine. Its pictures are encoded where
media are handled (``illustrate``), and put in here as they are (``page``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from transcoder.errors import CertificateError
from transcoder.metrics.packing import unpack
from transcoder.report import custody, losses, pictures, shell, verdict
from transcoder.report.charts import Line, fidelity_chart
from transcoder.report.player import playlist
from transcoder.report.tracks import Thumb, cards, overview, thumbs

if TYPE_CHECKING:
    from markupsafe import Markup
    from PIL import Image

    from transcoder.metrics.areas import View

_PLANES = {"cb": "blue tints (chroma)", "cr": "red tints (chroma)"}
_PAGE_BYTES = 56_000
"""What the page takes with its script and without pictures, most of the time (measured: 40 to 55 kB)."""
_BARE_BYTES = 24_000
"""And where the cap is so small that it goes without script and explanations."""
_WORST_SHARE, _REGION_SHARE = 0.5, 0.45
"""Of the room for pictures."""
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

    def fewer(self, over_bytes: int) -> Illustrations:
        """Without the last regions' pictures, until so many bytes are gone."""
        kept = dict(self.regions)
        while kept and over_bytes > 0:
            _, thumb = kept.popitem()
            over_bytes -= len(thumb.pair.before) + len(thumb.pair.after)
        return replace(self, regions=kept)

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
    whole = max_bytes - (_PAGE_BYTES if max_bytes > 2 * _PAGE_BYTES else _BARE_BYTES)
    room = min(600_000, int(whole * _WORST_SHARE))
    if before is not None and after is not None and room > 4000:
        fidelity = predicate["fidelity"]
        box = tuple(fidelity["worst_tile"]["box"]) if fidelity else (0, 0, *before.size)
        shown = pictures.prepare(before, after, box, presentation, max_bytes=room)
    room = max(0, int(whole * _REGION_SHARE))
    return Illustrations(worst=shown, regions=thumbs(predicate, views, presentation, max_bytes=room))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """How much of what there is goes into a page; what explains least goes first."""

    shown: Illustrations
    script: bool = True
    rich: bool = True
    """With explanations, what was kept, and the glossary."""
    chart: bool = True
    cards: bool = True


def page(
    statement: Mapping[str, Any],
    signed_by: SignedBy,
    *,
    names: Mapping[str, str],
    shown: Illustrations,
    max_bytes: int,
    paper: bool = False,
) -> str:
    """The report as one HTML document of at most ``max_bytes`` (measured; pictures shrink or go first).

    :param statement: a verified statement.
    :param signed_by: who its verified signature names.
    :param names: file names by role: ``certificate`` or ``refusal``, ``signature``, ``report``.
    :param paper: for printing: without what is only used on a screen.
    """
    predicate = statement["predicate"]
    shown.confirm()
    content = _Content(shown=shown, script=not paper)
    made = _page(predicate, signed_by, names, content)
    over = len(made.encode()) - max_bytes
    if over > 0:
        content = replace(content, shown=shown.fewer(over))
        made = _page(predicate, signed_by, names, content)
    bare = replace(content, script=False, rich=False, shown=replace(content.shown, regions={}))
    for smaller in (
        replace(content, script=False),
        replace(content, script=False, shown=bare.shown),
        bare,
        replace(bare, shown=Illustrations()),
        replace(bare, shown=Illustrations(), chart=False, cards=False),
    ):
        if len(made.encode()) <= max_bytes:
            break
        made = _page(predicate, signed_by, names, smaller)
    return made


def _page(predicate: Mapping[str, Any], signed_by: SignedBy, names: Mapping[str, str], content: _Content) -> str:
    chart = _chart(predicate) if content.chart else None
    player = playlist(predicate) if content.script else None
    tracks = cards(predicate, content.shown.regions) if content.cards else []
    style = (shell.asset("screen.css") if content.script else "") + shell.asset("page.css")
    script = shell.asset("page.js") + (shell.asset("player.js") if player else "") if content.script else ""
    scores = _scores(predicate)
    certificate = names.get("certificate") or names["refusal"]
    return shell.template().render(
        p=predicate,
        signed_by=signed_by,
        certificate_name=certificate,
        floor_names=verdict.FLOOR_NAMES,
        verdict=verdict.sentence(predicate),
        advice=verdict.advice(predicate),
        pictures=content.shown.worst,
        chart=chart,
        span=_span(predicate),
        player=player,
        zero_s=predicate["source"].get("video", {}).get("start_s", 0),
        tracks=[card for card in tracks if card.worth_showing],
        tasks=overview(predicate),
        warnings=custody.warnings(predicate),
        found=sum(predicate["regions"].get("counts", {}).values()),
        scores=scores,
        psnr=any(row["metric"] == "psnr" for row in scores),
        groups=losses.groups(predicate),
        damage=losses.damage(predicate),
        custody=custody.entries(predicate, signed_by.subject, signed_by.self_issued, short=not content.rich),
        steps=custody.steps(predicate, certificate, names["signature"]),
        rich=content.rich,
        style=style,
        script=script,
        policy=shell.policy(style, script),
    )


def prepare() -> None:
    """Load the templates, so that the first page takes no longer than the others."""
    environment = shell.template().environment
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)


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


def _span(predicate: Mapping[str, Any]) -> tuple[float, float]:
    timing = predicate["timing"] or {}
    return timing.get("first_s") or 0, timing.get("last_s") or 0


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
        name = verdict.FLOOR_NAMES.get(score["region"], score["region"])
        if score["metric"] == "psnr":
            name = "Signal to noise (PSNR, dB)"
        elif score["plane"] != "y":
            name = f"{name}, {_PLANES[score['plane']]}"
        rows.append({**score, "name": name, "floor": floor, "ok": floor is None or score["p1"] >= floor})
    return rows
