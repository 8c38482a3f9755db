"""Measuring again from a certificate that lies: each lie is a failed step, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import deliveries, pictures
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.remeasure import remeasure
from transcoder.certificate.verify import verify


def _timing(document: dict[str, Any], offset: str) -> None:
    document["predicate"]["timing"]["offset_s"] = offset


def _score(document: dict[str, Any], **changes: Any) -> None:
    document["predicate"]["fidelity"]["frames"] = 1
    document["predicate"]["fidelity"]["scores"][0].update(changes)


@pytest.mark.parametrize(
    "lie",
    [
        lambda d: _timing(d, "soon"),
        lambda d: _timing(d, "1/0"),
        lambda d: _score(d, region="face"),
        lambda d: _score(d, metric="psnr", plane="cb"),
    ],
    ids=["offset is not a number", "offset divides by zero", "region never measured", "plane never measured"],
)
def test_a_lie_is_a_failed_step(lie: Callable[[dict[str, Any]], None], tmp_path: Path, pair: KeyPair) -> None:
    source = tmp_path / "master.png"
    pictures.rgb(64, 48).save(source)

    def change(document: dict[str, Any]) -> None:
        lie(document)
        document["predicate"]["source"]["sha256"] = deliveries.digest(source)
        entry = document["predicate"]["files"][0]
        entry.update(bytes=source.stat().st_size, sha256=deliveries.digest(source))
        document["subject"][0]["digest"]["sha256"] = entry["sha256"]

    parcel = deliveries.make(tmp_path, pair, change=change)
    parcel.media.write_bytes(source.read_bytes())

    def measure(parsed: dict[str, Any], master: Path, folder: Path) -> Any:
        return remeasure(parsed, master, folder, lambda *_: None)

    result = verify(parcel.certificate, anchors=pair.chain, source=source, measure=measure)
    assert deliveries.failed(result) == [8]
