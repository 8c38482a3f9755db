"""Asking an authority over HTTP: one that works, and every way in which one may not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp

from tests.helpers import authorities, factories, tsa
from transcoder import app, transcode, verify
from transcoder.certificate import cms, detached, sealing
from transcoder.certificate.keys import KeyPair
from transcoder.certificate.signer import PemSigner
from transcoder.certificate.timestamp import HttpTimeStamper
from transcoder.certificate.trusted import Trust
from transcoder.certificate.verify import check_signature
from transcoder.errors import CertificateError, UsageError
from transcoder.settings import Settings


@pytest.fixture(scope="module")
def good() -> tsa.Authority:
    return tsa.authority()


def asked(answer: tsa.Answer, root: tsa.Authority, *, timeout_s: float = 20.0) -> bytes:
    with tsa.serving(answer) as (url, _):
        return HttpTimeStamper(url, Trust(anchors=(), time_anchors=[root.root]), timeout_s=timeout_s).stamp(b"value")


def test_a_signature_gets_its_time(good: tsa.Authority, pair: KeyPair) -> None:
    with tsa.serving(good.answer) as (url, seen):
        believed = Trust(anchors=pair.chain, time_anchors=[good.root])
        sealed = sealing.seal(factories.statement(), PemSigner(pair), HttpTimeStamper(url, believed))
    facts = check_signature(sealed.content, sealed.signature, believed)
    assert facts.time_stamp is not None
    assert abs(facts.time_stamp.moment - datetime.now(UTC)) < timedelta(minutes=5)
    assert sealed.statement["predicate"]["trusted_time"] == {"authority": url}
    (request,) = seen
    sent = tsp.TimeStampReq.load(request)
    assert sent["nonce"].native is not None
    assert len(sent["message_imprint"]["hashed_message"].native) == 32


BAD = {
    "garbage": lambda good, _: b"<html>welcome to the hotel's network</html>",
    "nothing": lambda good, _: b"",
    "half an answer": lambda good, request: good.answer(request)[:-40],
    "another request's answer": lambda good, request: good.but(nonce=5).answer(request),
    "about something else": lambda good, request: good.but(imprint=b"\1" * 32).answer(request),
    "unknown authority": lambda good, request: tsa.authority().answer(request),
    "expired authority": lambda good, request: good.but(moment=datetime.now(UTC) + timedelta(days=90)).answer(request),
    "refused": lambda good, _: tsp.TimeStampResp(
        {"status": {"status": "rejection", "status_string": ["not today"]}}
    ).dump(),
    "too long": lambda good, request: good.answer(request) + b" " * 70_000,
    "sends elsewhere": lambda good, _: (302, {"Location": "file:///etc/hostname"}, b""),
    "sends elsewhere by http": lambda good, _: (307, {"Location": "http://127.0.0.1:9/"}, b""),
    "out of order": lambda good, _: (500, {}, b"oops"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_cannot_be_used_is_a_warning_and_never_a_failure(name: str, good: tsa.Authority, pair: KeyPair) -> None:
    def answer(request: bytes) -> bytes | tuple[int, dict[str, str], bytes]:
        made: bytes | tuple[int, dict[str, str], bytes] = BAD[name](good, request)  # type: ignore[no-untyped-call]
        return made

    with pytest.raises(CertificateError) as caught:
        asked(answer, good)
    assert caught.value.code.startswith("time-stamp-")
    with tsa.serving(answer) as (url, _):
        believed = Trust(anchors=pair.chain, time_anchors=[good.root])
        sealed = sealing.seal(factories.statement(), PemSigner(pair), HttpTimeStamper(url, believed))
    assert check_signature(sealed.content, sealed.signature, believed).time_stamp is None
    (warning,) = sealed.statement["predicate"]["warnings"]
    assert warning.startswith("no trusted time: ")
    assert sealed.statement["predicate"]["trusted_time"] is None


def test_one_that_never_answers_is_waited_for_a_short_time_only(good: tsa.Authority) -> None:
    gone = threading.Event()

    def answer(_: bytes) -> bytes:
        gone.wait(60)
        return b""

    try:
        with pytest.raises(CertificateError, match=r"did not answer in 0\.3 s|cannot be reached: timed out"):
            asked_hanging(answer, good, gone)
    finally:
        gone.set()


def asked_hanging(answer: tsa.Answer, good: tsa.Authority, gone: threading.Event) -> bytes:
    with tsa.serving(answer) as (url, _):
        try:
            return HttpTimeStamper(url, Trust(anchors=(), time_anchors=[good.root]), timeout_s=0.3).stamp(b"value")
        finally:
            gone.set()


def test_one_that_is_not_there(good: tsa.Authority) -> None:
    with tsa.serving(good.answer) as (url, _):
        pass
    with pytest.raises(CertificateError, match="cannot be reached"):
        HttpTimeStamper(url, Trust(anchors=(), time_anchors=[good.root])).stamp(b"value")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://x/y", "tsa.example", "http://", ""])
def test_only_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(UsageError):
        HttpTimeStamper(url, Trust(anchors=()))


def test_secrets_in_an_address_stay_out_of_certificates() -> None:
    stamper = HttpTimeStamper("https://me:secret@tsa.example:8443/tsr?key=secret#x", Trust(anchors=()))
    assert stamper.address == "https://tsa.example:8443/tsr"


def test_an_address_without_an_authority_is_refused_before_any_work(tmp_path: Path, keys_folder: Path) -> None:
    settings = Settings(keys_dir=keys_folder, trust_dir=tmp_path / "trust", tsa_url="http://127.0.0.1:9/")
    with pytest.raises(UsageError, match="TRANSCODER_TSA_URL"):
        app.services(tmp_path / "out", settings)


def test_a_delivery_with_a_time_stamp(
    samples: Path, tmp_path: Path, good: tsa.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = authorities.write_certificates(tmp_path / "root.pem", good.root)
    monkeypatch.setenv("TRANSCODER_TSA_CA", str(root))
    with tsa.serving(good.answer) as (url, _):
        monkeypatch.setenv("TRANSCODER_TSA_URL", url)
        transcode(samples / "cctv_still.jpg", out=tmp_path / "out", cap_bytes=200_000)
    (result,) = verify(tmp_path / "out")
    assert result.ok
    assert {step.number: str(step.outcome) for step in result.steps}[11] == "passed"
    page = next((tmp_path / "out").glob("*.report.html")).read_text()
    assert "Trusted time" in page
    signature = next((tmp_path / "out").glob("*.p7s"))
    data = signature.read_bytes()
    start = data.index(detached.signature_value(data)) + 100
    for position in range(start, len(data), 61):
        changed = bytearray(data)
        changed[position] ^= 0x10
        signature.write_bytes(changed)
        assert not verify(tmp_path / "out")[0].ok, position
    signature.write_bytes(data)
    assert cms.verify_detached(next((tmp_path / "out").glob("*.certificate.json")).read_bytes(), data).time_stamp
