"""``/v1/verify`` and receipts that come back, with small signed deliveries that need no encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers import deliveries, receiving
from tests.helpers.deliveries import Parcel
from tests.helpers.service import Bench, sent
from transcoder.app import read_audit
from transcoder.certificate.keys import KeyPair
from transcoder.server.access import Role


@pytest.fixture
def parcel(tmp_path: Path, pair: KeyPair) -> Parcel:
    return deliveries.make(tmp_path / "made", pair)


def form(*paths: Path, field: str = "file") -> list[tuple[str, tuple[str, bytes]]]:
    return [(field, (path.name, path.read_bytes())) for path in paths]


def delivered(served: Bench, client: Any, parcel: Parcel) -> str:
    """A job whose delivery is the parcel."""
    job = str(sent(client).json()["id"])
    served.deliver(job, {path.name: path.read_bytes() for path in sorted(parcel.folder.iterdir())})
    return job


def failed(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    steps = answer.json()["results"][0]["steps"]
    return [step["number"] for step in steps if step["outcome"] == "failed"]


def left_behind(served: Bench) -> list[Path]:
    folder = served.service.config.uploads
    return [path for path in folder.iterdir() if path.name != "folder.id"] if folder.is_dir() else []


def test_a_delivery_that_holds(served: Bench, parcel: Parcel) -> None:
    answer = served.client(Role.READ).post("/v1/verify", files=form(*parcel.folder.iterdir()))
    assert failed(answer) == []
    body = answer.json()
    assert body["ok"] is True
    assert body["results"][0]["certificate"] == parcel.certificate.name
    assert [step["number"] for step in body["results"][0]["steps"]] == list(
        range(1, len(body["results"][0]["steps"]) + 1)
    )
    assert left_behind(served) == []


def test_a_changed_file_and_a_missing_one_fail_step_5(served: Bench, parcel: Parcel) -> None:
    client = served.client()
    assert failed(client.post("/v1/verify", files=form(parcel.certificate, parcel.signature))) == [5]
    parcel.media.write_bytes(b"another picture")
    answer = client.post("/v1/verify", files=form(*parcel.folder.iterdir()))
    assert 5 in failed(answer)
    assert answer.json()["ok"] is False


def test_names_that_lead_elsewhere_stay_inside(served: Bench, parcel: Parcel, tmp_path: Path) -> None:
    files = [*form(parcel.certificate, parcel.signature), ("file", ("../../../escaped.txt", b"x"))]
    served.client().post("/v1/verify", files=files)
    assert list(tmp_path.rglob("escaped.txt")) == []
    assert left_behind(served) == []


def test_what_is_no_delivery_is_refused(served: Bench) -> None:
    client = served.client()
    answer = client.post("/v1/verify", files={"file": ("a.txt", b"hello")})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert client.post("/v1/verify", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 400
    assert client.post("/v1/verify", json={"job": "job_x"}).status_code == 422
    assert client.post("/v1/verify", json={"jobs": 1}).status_code == 422
    assert left_behind(served) == []


def test_what_the_service_keeps_is_verified_by_its_job(served: Bench, parcel: Parcel) -> None:
    client = served.client()
    job = delivered(served, client, parcel)
    assert failed(client.post("/v1/verify", json={"job": job})) == []
    other = served.client(cases=["45AA1234526"]).post("/v1/verify", json={"job": job})
    assert (other.status_code, other.json()["code"]) == (404, "not-found")
    waiting = sent(client, b"other").json()["id"]
    none = client.post("/v1/verify", json={"job": waiting})
    assert (none.status_code, none.json()["code"]) == (409, "not-delivered")


def test_a_receipt_is_kept_shown_fetched_verified_and_logged_once(served: Bench, parcel: Parcel, pair: KeyPair) -> None:
    client = served.client()
    job = delivered(served, client, parcel)
    receipt = receiving.write(receiving.receipt_for(parcel, pair), parcel, pair)
    files = form(receipt, receipt.with_name(f"{receipt.name}.p7s"))
    for _ in range(2):
        answer = client.post(f"/v1/jobs/{job}/receipt", files=files)
        assert answer.status_code == 200, answer.text
    shown = client.get(f"/v1/jobs/{job}").json()
    assert shown == answer.json()
    (told,) = shown["receipts"]
    assert (told["by"], told["complete"], told["path"]) == ("the recipient", True, "clip.receipt.json")
    kept = [item for item in shown["files"] if item["role"].startswith("receipt")]
    assert [client.get(item["href"]).content for item in kept] == [content for _, (_, content) in reversed(files)]
    answer = client.post("/v1/verify", json={"job": job})
    (step,) = [step for step in answer.json()["results"][0]["steps"] if step["number"] == 12]
    assert step["outcome"] == "passed"
    assert "the recipient" in step["detail"]
    log = read_audit(settings=served.service.settings)
    logged = [entry for entry in log if entry["event"] == "receipt"]
    assert len(logged) == 1
    assert left_behind(served) == []


def test_a_second_receipt_goes_beside_the_first(served: Bench, parcel: Parcel, pair: KeyPair) -> None:
    client = served.client()
    job = delivered(served, client, parcel)
    for number in (1, 2):
        changed = receiving.receipt_for(parcel, pair, received_at=f"2026-03-0{number}T10:00:00Z")
        receipt = receiving.write(changed, parcel, pair)
        answer = client.post(f"/v1/jobs/{job}/receipt", files=form(receipt, receipt.with_name(f"{receipt.name}.p7s")))
        assert answer.status_code == 200, answer.text
    assert [item["path"] for item in answer.json()["receipts"]] == ["clip.receipt.json", "clip.receipt-2.json"]


@pytest.mark.parametrize("wrong", ["changed", "unsigned", "foreign", "untrusted", "early"])
def test_a_receipt_that_does_not_hold_is_not_kept(
    served: Bench, parcel: Parcel, pair: KeyPair, tmp_path: Path, wrong: str
) -> None:
    client = served.client()
    job = sent(client).json()["id"] if wrong == "early" else delivered(served, client, parcel)
    signer = pair
    if wrong == "untrusted":
        from transcoder.certificate import keys

        folder = tmp_path / "stranger"
        keys.initialise(folder)
        signer = keys.load_pair(folder / keys.LEAF_KEY_FILE, folder / keys.LEAF_FILE, folder / keys.CA_FILE)
    about = deliveries.make(tmp_path / "other", pair, change=_renamed) if wrong == "foreign" else parcel
    receipt = receiving.write(receiving.receipt_for(about, signer), about, signer)
    signature = receipt.with_name(f"{receipt.name}.p7s")
    if wrong == "changed":
        receipt.write_bytes(receipt.read_bytes().replace(b"the recipient", b"the Recipient"))
    files = form(receipt) if wrong == "unsigned" else form(receipt, signature)
    answer = client.post(f"/v1/jobs/{job}/receipt", files=files)
    expected = {"changed": 422, "unsigned": 400, "foreign": 422, "untrusted": 422, "early": 409}[wrong]
    assert answer.status_code == expected, answer.text
    assert client.get(f"/v1/jobs/{job}").json()["receipts"] == []
    assert left_behind(served) == []


def _renamed(statement: dict[str, Any]) -> None:
    statement["predicate"]["source"]["name"] = "another.avi"
