"""Names of files in other scripts: in JSON, pages, searches and downloads as they were sent, however they came."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any
from urllib.parse import quote

import pytest

from tests.helpers.service import Bench, sent
from tests.integration.server.test_sessions import browser
from transcoder.server.filenames import attachment

NAME = "Überwachung_Łódź_監視.mp4"
QUOTED = quote(NAME)


def part(disposition: bytes) -> dict[str, Any]:
    """A form of one file, under a header of one's own."""
    body = b"--edge\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\npictures\r\n--edge--\r\n"
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=edge"}}


@pytest.mark.parametrize(
    "disposition",
    [
        f'name="file"; filename="{NAME}"'.encode(),
        f"name=\"file\"; filename*=UTF-8''{QUOTED}".encode(),
        f'name="file"; filename="_berwachung.mp4"; filename*=utf-8\'de\'{QUOTED}'.encode(),
        f'name="file"; filename*=UTF-8\'\'{QUOTED}; filename="_berwachung.mp4"'.encode(),
        f"name=\"file\"; filename*0*=UTF-8''{QUOTED[:12]}; filename*1*={QUOTED[12:]}".encode(),
    ],
)
def test_a_form_names_its_file_in_any_way_that_there_is(served: Bench, disposition: bytes) -> None:
    answer = served.client().post("/v1/jobs", **part(disposition))
    assert answer.status_code == 201, answer.text
    assert answer.json()["source"]["name"] == NAME


@pytest.mark.parametrize(
    ("disposition", "kept"),
    [
        ('name="file"; filename="Süd.mp4"'.encode("latin-1"), "Süd.mp4"),
        (b"name=\"file\"; filename*=ISO-8859-1''S%FCd.mp4", "Süd.mp4"),
        (b'name="file"; filename="a.mp4"; filename*=no-such-set\'\'S%FCd.mp4', "Süd.mp4"),
        (b"name=\"file\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        (b"name=\"file\"; filename*=UTF-8''a%00b%0D%0Ac.mp4", "a b c.mp4"),
        (b"name=\"file\"; filename*=UTF-8''%FF%FE.mp4", "��.mp4"),
        (b'name="file"; filename*=', "unnamed"),
    ],
)
def test_a_name_that_is_badly_written_harms_nobody(served: Bench, disposition: bytes, kept: str) -> None:
    answer = served.client().post("/v1/jobs", **part(disposition))
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 201:
        assert answer.json()["source"]["name"] == kept


def test_an_upload_in_blocks_keeps_its_name(served: Bench) -> None:
    client = served.client()
    metadata = f"filename {base64.b64encode(NAME.encode()).decode()}"
    tus = {"Tus-Resumable": "1.0.0"}
    made = client.post("/v1/uploads", headers={**tus, "Upload-Length": "8", "Upload-Metadata": metadata})
    where = made.headers["location"]
    kind = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert client.patch(where, content=b"pictures", headers={**tus, **kind}).status_code == 204
    assert client.head(where, headers=tus).headers["upload-metadata"] == metadata
    job = client.post("/v1/jobs", json={"source": {"upload": where.rsplit("/", 1)[1]}}).json()
    assert job["source"]["name"] == NAME
    assert sent(client, b"pictures", NAME).json()["id"] == job["id"]  # the same file by another way


def test_it_is_shown_found_and_fetched_as_it_is(served: Bench) -> None:
    client, pages = served.client(), browser(served)
    job = sent(client, name=NAME).json()["id"]
    sent(client, b"others", "other.mp4")
    copy = NAME.replace(".mp4", "_copy.mp4")
    served.deliver(job, {copy: b"film"})
    for path in ("/jobs", f"/jobs/{job}", f"/new?like={job}"):
        assert NAME in pages.get(path).text, path
    for wanted in ("łódź", "ÜBERWACHUNG", "監視", "U\u0308berwachung"):
        found = client.get("/v1/jobs", params={"name": wanted}).json()["jobs"]
        assert [item["id"] for item in found] == [job], wanted
    (file,) = client.get(f"/v1/jobs/{job}").json()["files"]
    assert file["name"] == copy
    assert file["href"].isascii()
    answer = client.get(file["href"])
    assert answer.content == b"film"
    said = f"attachment; filename=\"_berwachung___d_____copy.mp4\"; filename*=UTF-8''{quote(copy)}"
    assert answer.headers["content-disposition"] == said
    assert pages.get(f"/jobs/{job}/play/{quote(copy)}").content == b"film"
    whole = pages.get(f"/jobs/{job}/all.zip")
    assert f"filename*=UTF-8''{quote(NAME.removesuffix('.mp4'))}_" in whole.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.namelist() == [copy]


def test_a_plain_name_needs_one_form_only() -> None:
    assert attachment("a b (1).mp4") == 'attachment; filename="a b (1).mp4"'
    assert attachment('a"b\\c%.mp4') == "attachment; filename=\"a_b_c%.mp4\"; filename*=UTF-8''a%22b%5Cc%25.mp4"
