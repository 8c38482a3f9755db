"""Resumable uploads, with the independent client tuspy at a live server, and step by step against the protocol."""

from __future__ import annotations

import base64
import hashlib
import io
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.helpers.live import Live, live
from tests.helpers.service import Bench, sha256
from transcoder.server.access import Role
from transcoder.server.resumable import Resumables

CONTENT = bytes(range(256)) * 4096
TUS = {"Tus-Resumable": "1.0.0"}
KIND = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("tus"), "--no-worker") as running:
        yield running


def bearer(server: Live) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token()}"}


def uploader(server: Live, headers: dict[str, str], **more: Any) -> Any:
    client = TusClient(f"{server.url}/v1/uploads", headers=headers)
    metadata = {"filename": "Kamera Süd.mp4"}
    return client.uploader(file_stream=io.BytesIO(CONTENT), chunk_size=200_000, metadata=metadata, **more)


def test_a_stranger_s_client_uploads_through_a_restart_and_a_job_is_made_of_it(server: Live) -> None:
    headers = bearer(server)
    first = uploader(server, headers, upload_checksum=False)
    first.upload_chunk()
    first.upload_chunk()
    server.kill()
    with pytest.raises(TusCommunicationError):
        first.upload_chunk()
    server.start()
    second = uploader(server, headers, url=first.url)
    assert second.offset == 400_000
    second.upload()
    upload = second.url.rsplit("/", 1)[1]
    answer = httpx.post(f"{server.url}/v1/jobs", json={"source": {"upload": upload}}, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["source"] == {"name": "Kamera Süd.mp4", "bytes": len(CONTENT), "sha256": sha256(CONTENT)}
    again = httpx.post(f"{server.url}/v1/jobs", json={"source": {"upload": upload}}, headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])


def test_a_connection_that_breaks_in_the_middle_loses_nothing_that_arrived(server: Live) -> None:
    headers = bearer(server)
    url = uploader(server, headers).create_url()
    path = url.removeprefix(server.url)
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **KIND, "Upload-Offset": "0"}.items())
    request = f"PATCH {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(CONTENT)}\r\n{head}\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(request.encode() + CONTENT[:300_000])
    # The server hears of it a moment later.
    for _ in range(200):
        if uploader(server, headers, url=url).offset:
            break
        time.sleep(0.02)
    resumed = uploader(server, headers, url=url)
    assert 0 < resumed.offset <= 300_000
    resumed.upload()
    upload = url.rsplit("/", 1)[1]
    answer = httpx.post(f"{server.url}/v1/jobs", json={"source": {"upload": upload}}, headers=headers)
    assert answer.json()["source"]["sha256"] == sha256(CONTENT)


def create(client: TestClient, size: int = len(CONTENT), **more: str) -> str:
    answer = client.post("/v1/uploads", headers={**TUS, "Upload-Length": str(size), **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-expires"].endswith("GMT")
    return str(answer.headers["location"])


def patch(client: TestClient, url: str, offset: int, content: bytes, **more: str) -> Any:
    return client.patch(url, content=content, headers={**KIND, "Upload-Offset": str(offset), **more})


def test_what_the_server_can_is_told(served: Bench) -> None:
    answer = served.client(None).options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {"creation", "expiration", "termination", "checksum"}
    assert answer.headers["tus-max-size"] == str(served.service.config.max_upload_bytes)


def test_offsets_are_exact(served: Bench) -> None:
    client = served.client()
    url = create(client, 10)
    assert patch(client, url, 0, b"abcd").headers["upload-offset"] == "4"
    for wrong in (0, 3, 5, 10):
        answer = patch(client, url, wrong, b"x")
        assert (answer.status_code, answer.json()["code"]) == (409, "upload-offset")
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert patch(client, url, 4, b"0123456789").status_code == 409
    head = client.head(url, headers=TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("4", "10")
    assert head.headers["cache-control"] == "no-store"
    assert patch(client, url, 4, b"efghij").status_code == 204
    assert patch(client, url, 10, b"x").status_code == 409
    job = client.post("/v1/jobs", json={"source": {"upload": url.rsplit("/", 1)[1]}})
    assert job.json()["source"]["sha256"] == sha256(b"abcdefghij")
    assert list(served.service.config.uploads.glob("*.part")) == []


def test_an_incomplete_one_makes_no_job(served: Bench) -> None:
    client = served.client()
    upload = create(client).rsplit("/", 1)[1]
    answer = client.post("/v1/jobs", json={"source": {"upload": upload}})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-incomplete")
    unknown = client.post("/v1/jobs", json={"source": {"upload": "upl_" + "0" * 32}})
    assert unknown.status_code == 404
    both = client.post("/v1/jobs", json={"source": {"upload": upload, "path": "/x"}})
    assert both.status_code == 422


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_block_with_a_wrong_checksum_does_not_count(served: Bench, algorithm: str) -> None:
    client = served.client()
    url = create(client, 8)

    def summed(content: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"

    wrong = patch(client, url, 0, b"abcd", **{"Upload-Checksum": summed(b"abce")})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum-mismatch")
    assert client.head(url, headers=TUS).headers["upload-offset"] == "0"
    assert patch(client, url, 0, b"abcd", **{"Upload-Checksum": summed(b"abcd")}).status_code == 204
    for senseless in ("md5 AAAA", "sha256", "sha256 !!", f"sha256 {base64.b64encode(b'x').decode()}"):
        assert patch(client, url, 4, b"efgh", **{"Upload-Checksum": senseless}).status_code == 400
    assert patch(client, url, 4, b"efgh").status_code == 204
    job = client.post("/v1/jobs", json={"source": {"upload": url.rsplit("/", 1)[1]}})
    assert job.json()["source"]["sha256"] == sha256(b"abcdefgh")


def test_the_hash_is_right_when_another_process_saw_the_beginning(served: Bench) -> None:
    client = served.client()
    url = create(client, 8)
    patch(client, url, 0, b"abcd")
    with (served.service.config.uploads / f"{url.rsplit('/', 1)[1]}.part").open("ab") as file:
        file.write(b"not acknowledged")
    fresh = Resumables(served.host.ledger.engine, served.service.config.uploads, keep_s=100.0)
    other = replace(served, service=replace(served.service, resumables=fresh)).client()
    other.headers = client.headers
    assert patch(other, url, 4, b"efgh").status_code == 204
    job = other.post("/v1/jobs", json={"source": {"upload": url.rsplit("/", 1)[1]}})
    assert job.json()["source"]["sha256"] == sha256(b"abcdefgh")


def test_one_s_uploads_are_nobody_else_s(served: Bench) -> None:
    mine, other = served.client(), served.client(Role.ADMIN)
    url = create(mine)
    assert other.head(url, headers=TUS).status_code == 404
    assert patch(other, url, 0, b"x").status_code == 404
    assert other.delete(url, headers=TUS).status_code == 404
    assert other.post("/v1/jobs", json={"source": {"upload": url.rsplit("/", 1)[1]}}).status_code == 404
    assert served.client(Role.READ).post("/v1/uploads", headers={**TUS, "Upload-Length": "1"}).status_code == 403


def test_one_that_is_given_up_is_gone(served: Bench) -> None:
    client = served.client()
    url = create(client)
    assert client.delete(url, headers=TUS).status_code == 204
    assert client.head(url, headers=TUS).status_code == 404
    assert list(served.service.config.uploads.glob("*.part")) == []


def test_one_that_nobody_goes_on_with_expires_and_is_swept(served: Bench) -> None:
    store = Resumables(served.host.ledger.engine, served.service.config.uploads, keep_s=-1.0)
    client = replace(served, service=replace(served.service, resumables=store)).client()
    url = create(client)
    expired = patch(client, url, 0, b"x")
    assert (expired.status_code, expired.json()["code"]) == (410, "upload-expired")
    assert store.sweep() == 1
    assert patch(client, url, 0, b"x").status_code == 404
    assert list(served.service.config.uploads.glob("*.part")) == []


def test_at_another_host_it_says_so(served: Bench, tmp_path: Path) -> None:
    client = served.client()
    url = create(client)
    store = Resumables(served.host.ledger.engine, tmp_path / "other", keep_s=100.0)
    other = replace(served, service=replace(served.service, resumables=store)).client()
    other.headers = client.headers
    answer = patch(other, url, 0, b"x")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-elsewhere")
    assert store.sweep() == 0


def test_two_at_once_do_not_mix(served: Bench) -> None:
    client = served.client()
    url = create(client)
    upload = url.rsplit("/", 1)[1]
    with served.host.ledger.engine.connect() as connection:
        owner = connection.exec_driver_sql("SELECT owner FROM uploads").scalar_one()
    store = served.service.resumables
    with store.writing(store.get(upload, owner), 0, None):
        answer = patch(client, url, 0, b"x")
    assert (answer.status_code, answer.json()["code"]) == (423, "upload-busy")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "5"}, 412),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412),
        (TUS, 400),
        ({**TUS, "Upload-Length": "0"}, 400),
        ({**TUS, "Upload-Length": "-1"}, 422),
        ({**TUS, "Upload-Length": "20000000001"}, 413),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename ???"}, 400),
        ({**TUS, "Upload-Defer-Length": "1"}, 400),
    ],
)
def test_beginnings_that_make_no_sense_are_refused(served: Bench, headers: dict[str, str], status: int) -> None:
    answer = served.client().post("/v1/uploads", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_kind_of_body_is_refused(served: Bench) -> None:
    client = served.client()
    url = create(client)
    answer = client.patch(url, content=b"x", headers={**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"})
    assert answer.status_code == 415
