"""What every shared storage must do: a folder, and S3 through a real server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.s3 import S3, s3_server
from transcoder.errors import StorageError, UsageError
from transcoder.jobs.objects import Objects, objects_at


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    if request.param == "folder":
        return objects_at(str(tmp_path / "objects"))
    server: S3 = request.getfixturevalue("s3")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return objects_at(f"{server.place}/{secrets.token_hex(4)}")


def file_of(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / secrets.token_hex(4)
    file.write_bytes(content)
    return file


def test_what_was_put_is_fetched_and_read_as_it_was(objects: Objects, tmp_path: Path) -> None:
    content = secrets.token_bytes(3_000_000)
    objects.put("deliveries/job_1/1/CCTV (1), a=b.mp4", file_of(tmp_path, content))
    objects.fetch("deliveries/job_1/1/CCTV (1), a=b.mp4", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    assert b"".join(objects.read("deliveries/job_1/1/CCTV (1), a=b.mp4")) == content
    assert b"".join(objects.read("deliveries/job_1/1/CCTV (1), a=b.mp4", 1_500_000, 10)) == content[1_500_000:][:10]
    assert objects.bytes_of("deliveries/job_1/1/CCTV (1), a=b.mp4") == len(content)


def test_the_same_name_again_holds_what_came_last(objects: Objects, tmp_path: Path) -> None:
    objects.put("chunks/a", file_of(tmp_path, b"first"))
    objects.put("chunks/a", file_of(tmp_path, b"second one"))
    assert b"".join(objects.read("chunks/a")) == b"second one"


def test_what_is_not_there_has_no_length_and_is_an_error_with_a_code(objects: Objects, tmp_path: Path) -> None:
    assert objects.bytes_of("sources/none") is None
    for ask in (lambda: objects.fetch("sources/none", tmp_path / "x"), lambda: b"".join(objects.read("sources/none"))):
        with pytest.raises(StorageError) as missing:
            ask()
        assert missing.value.code == "object-missing"
    objects.remove("sources/none")


def test_a_folder_is_listed_and_removed_without_its_neighbours(objects: Objects, tmp_path: Path) -> None:
    for name in ("deliveries/job_1/1/a", "deliveries/job_1/2/b", "deliveries/job_12/1/c"):
        objects.put(name, file_of(tmp_path, b"x"))
    assert objects.list("deliveries/job_1") == ["deliveries/job_1/1/a", "deliveries/job_1/2/b"]
    objects.remove("deliveries/job_1")
    assert objects.list("deliveries") == ["deliveries/job_12/1/c"]
    objects.remove("deliveries/job_12/1/c")
    assert objects.list("deliveries") == []


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../b", "", "a\nb", ".", "a/./b"])
def test_names_that_lead_elsewhere_are_refused(objects: Objects, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        objects.put(name, file_of(tmp_path, b"x"))
    assert refused.value.code == "object-name"


def test_a_storage_that_is_there_says_so(objects: Objects) -> None:
    objects.check()
    assert objects.list("deliveries") == []


def test_an_outage_of_s3_is_an_error_that_is_tried_again_and_leaves_nothing(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    once = {"config_kwargs": {"retries": {"max_attempts": 0}}}  # by itself the client goes on for half a minute
    objects = objects_at(f"{s3.place}/{secrets.token_hex(4)}", once)
    file = file_of(tmp_path, b"whole")
    s3.cut()
    try:
        with pytest.raises(StorageError) as away:
            objects.put("sources/a", file)
    finally:
        s3.mend()
    assert away.value.code == "storage-failed"
    assert s3.refused > 0
    assert objects.bytes_of("sources/a") is None
    objects.put("sources/a", file)
    assert b"".join(objects.read("sources/a")) == b"whole"
