"""What stands in a manifest, and how much room it takes."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import factories
from tests.helpers.credentials import FACTS, chain, notary
from transcoder.certificate.keys import KeyPair
from transcoder.credentials import embedding, manifest
from transcoder.credentials.manifest import Action, actions_of
from transcoder.model import CaseFields, RegionKind
from transcoder.profile import load
from transcoder.provenance import Provenance, room_bytes

CLASSES = ("frame", "tile", *RegionKind)


def test_it_names_the_master_by_hash_and_says_what_was_done() -> None:
    said = manifest.definition(FACTS)
    (parent,) = said["ingredients"]
    assert (parent["relationship"], parent["instance_id"]) == ("parentOf", f"urn:sha256:{'ab' * 32}")
    assert [item["action"] for item in said["assertions"][0]["data"]["actions"]] == ["c2pa.opened", "c2pa.transcoded"]
    own = said["assertions"][1]["data"]
    assert own == {
        "verdict": "meets-floor", "profile": "cps-twif-1mb", "master_sha256": "ab" * 32, "exhibit": "AB/1",
        "worst_1_percent": {"frame": 0.912346, "tile": 0.8},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "rung", "clipped", "expected"),
    [
        ("media", "unchanged", False, []),
        ("media", "rewrap", False, ["c2pa.repackaged"]),
        ("still", "lossless", False, ["c2pa.transcoded"]),
        ("media", "re-encode", True, ["c2pa.trimmed", "c2pa.transcoded"]),
        ("part", "split", False, ["c2pa.trimmed", "c2pa.transcoded"]),
        ("tile", "split", False, ["c2pa.cropped", "c2pa.transcoded"]),
        ("crop", "split", False, ["c2pa.cropped", "c2pa.transcoded"]),
        ("evidence", "unchanged", False, ["c2pa.trimmed", "c2pa.transcoded"]),
    ],
)
def test_the_actions_are_what_was_done(role: str, rung: str, clipped: bool, expected: list[str]) -> None:
    assert [action.name for action in actions_of(role, rung, {}, clipped=clipped)] == expected


def test_a_smaller_picture_was_resized() -> None:
    names = [action.name for action in actions_of("media", "reduce", {"scale": "1/2"}, clipped=False)]
    assert names == ["c2pa.resized", "c2pa.transcoded"]


@settings(max_examples=25)
@given(
    title=st.text("abc_ä", min_size=1, max_size=127),
    exhibit=st.text(max_size=500).filter(lambda text: text.isprintable()),
    scores=st.dictionaries(st.sampled_from([str(name) for name in CLASSES]), st.floats(0, 1), max_size=len(CLASSES)),
    suffix=st.sampled_from(["jpg", "mp4"]),
)
def test_no_manifest_is_larger_than_the_room_for_it(
    title: str, exhibit: str, scores: dict[str, float], suffix: str, pair: KeyPair
) -> None:
    facts = replace(FACTS, title=title, exhibit=exhibit, p1=scores, suffix=suffix)
    room = embedding.needed_bytes(manifest.largest(facts, CLASSES), chain(pair))
    stub, target = (embedding._STUB_JPEG if suffix == "jpg" else embedding._STUB_MP4), io.BytesIO()
    embedding.write(facts, chain(pair), io.BytesIO(stub), target, notary(pair))
    assert len(target.getvalue()) - len(stub) <= room


def test_a_plain_manifest_is_small(pair: KeyPair) -> None:
    facts = replace(FACTS, suffix="mp4")
    store = embedding.write(facts, chain(pair), io.BytesIO(embedding._STUB_MP4), io.BytesIO(), notary(pair))
    assert len(store) < 5000
    assert b"http" not in json.dumps(manifest.definition(FACTS)).encode()


def test_room_is_kept_where_the_cap_allows_it(pair: KeyPair) -> None:
    source, case = factories.video_source(), CaseFields(exhibit="AB/1")
    room, _ = room_bytes(Provenance(), source, load("cps-twif-1mb"), case, chain(pair))
    assert 3000 < room < 6000
    assert room_bytes(Provenance(), source, load("cps-twif-1mb").with_cap(60_000), case, chain(pair))[0] == 0
    still = factories.still_source()
    assert room_bytes(Provenance(), still, load("documents-1mb"), case, chain(pair))[0] == 0


def test_actions_without_a_note_have_none() -> None:
    said = manifest.definition(replace(FACTS, actions=(Action(name="c2pa.repackaged"),)))
    assert said["assertions"][0]["data"]["actions"][1] == {"action": "c2pa.repackaged"}
