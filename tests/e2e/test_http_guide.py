"""docs/http.md, run as it is printed, against a real service; and its Python, and the client beside it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.serving import Served, served
from transcoder.client import Client, ServiceError

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
TEXT = GUIDE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.+?)\n```$", TEXT, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.+?)\n```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
        patch.setenv("TRANSCODER_TRUST_DIR", str(keys_folder.parent / "trust"))
        with served(tmp_path_factory.mktemp("home")) as found:
            yield found


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq"))), reason="curl or jq is not installed")
def test_every_command_of_the_guide_works(service: Served, samples: Path, tmp_path: Path) -> None:
    script = "set -eu\n" + "\n".join(f"echo '--- {number}'\n{command}" for number, command in enumerate(COMMANDS))
    environment = os.environ | {
        "SERVICE": service.url, "FILE": str(samples / "cctv_still.jpg"), "TRANSCODER_HOME": str(service.home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said: dict[str, str] = dict(
        zip(COMMANDS, re.split(r"^--- \d+$\n?", done.stdout, flags=re.MULTILINE)[1:], strict=True)
    )

    def one(words: str) -> str:
        (found,) = (text for command, text in said.items() if words in command)
        return found

    assert "delivered" in one("jq -r '.state, .verdict'")
    assert "VERIFIED" in one("transcoder verify")
    assert one("sha256sum").count(": OK") >= 4
    assert one("/retry").split()[1] == "queued"
    assert one("no-such-profile").split()[:2] == ["422", "profile-unknown"]
    assert (tmp_path / "curlrc").stat().st_mode & 0o077 == 0
    assert service.url in one("-d limit=10") or "job_" in one("-d limit=10")


def test_the_python_of_the_guide_works(service: Served, samples: Path, tmp_path: Path) -> None:
    (code,) = PYTHON
    given = {"SERVICE": service.url, "TOKEN": service.token(), "FILE": str(samples / "cctv_still.jpg")}
    header = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    done = subprocess.run(
        [sys.executable, "-c", f"{header}\n{code}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "fetched").iterdir())) >= 4


def test_the_client_and_a_real_service(service: Served, samples: Path, tmp_path: Path) -> None:
    still = samples / "cctv_still.jpg"
    with Client(service.url, service.token()) as client:
        assert "cps-twif-1mb" in {profile.name for profile in client.profiles()}
        job = client.submit(still, resumable=True, cap_bytes=200_000, case={"urn": "45AA1234526", "exhibit": "RJK/1"})
        again = client.submit(still, cap_bytes=200_000, case={"urn": "45AA1234526", "exhibit": "RJK/1"})
        assert again.id == job.id
        assert job.id in {found.id for found in client.jobs(case="45AA1234526", page=1)}
        assert client.wait(job.id).state == "delivered"
        foreign = tmp_path / "Überwachung_Łódź_監視_वीडियो.jpg"
        foreign.write_bytes(still.read_bytes())
        named = client.wait(client.submit(foreign, cap_bytes=200_000).id)
        assert (named.state, named.source.name) == ("delivered", foreign.name)
        fetched = client.download(named, tmp_path / "fetched")
        assert all(path.name.startswith(f"{foreign.stem}_") for path in fetched)
        (certificate,) = (path for path in fetched if path.name.endswith(".certificate.json"))
        assert json.loads(certificate.read_text(encoding="utf-8"))["predicate"]["source"]["name"] == foreign.name
        assert all(result.ok for result in client.verify(tmp_path / "fetched", source=foreign))
        other = client.submit(samples / "cctv_day.avi", profile="cps-twif-1mb", priority="bulk")
        client.cancel(other.id)
        assert client.wait(other.id).state == "cancelled"
        assert client.retry(other.id).state == "queued"
        client.cancel(other.id)
        client.wait(other.id)
        with pytest.raises(ServiceError) as caught:
            client.job("job_unknown")
        assert (caught.value.status, caught.value.code) == (404, "not-found")
    with pytest.raises(ServiceError) as refused, Client(service.url, "trc_wrong") as stranger:
        stranger.job(job.id)
    assert refused.value.status == 401
