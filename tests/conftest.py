"""What every test gets: its own keys folder, no network for the fast suites, and steady Hypothesis settings."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from tests.helpers.jobs import Postgres
    from transcoder.certificate.keys import KeyPair

_FAST = frozenset(("unit", "property", "contract"))
ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("TRANSCODER_CORPUS", ROOT.parent / "shared" / "corpus"))

hypothesis.settings.register_profile("steady", deadline=None, database=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, database=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The project's own samples."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real footage."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real footage is not beside this checkout (set TRANSCODER_CORPUS)")
    return CORPUS


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One self-issued authority and key for the whole session."""
    from transcoder.certificate import keys

    folder = tmp_path_factory.mktemp("home") / "keys"
    keys.initialise(folder)
    return folder


@pytest.fixture(scope="session")
def pair(keys_folder: Path) -> KeyPair:
    """The session's signing key."""
    from transcoder.certificate import keys

    return keys.load_pair(keys_folder / keys.LEAF_KEY_FILE, keys_folder / keys.LEAF_FILE, keys_folder / keys.CA_FILE)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real server for the whole session; tests make databases of their own in it."""
    from tests.helpers.jobs import Postgres

    # A short path: a socket's name is limited.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = Postgres(folder / "data")
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what is made for several tests at once; nothing is ever logged in the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSCODER_HOME", str(tmp_path_factory.mktemp("session-home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and with it an audit log, for each test; made only where something is kept in it."""
    folder = tmp_path_factory.getbasetemp() / "homes" / secrets.token_hex(8)
    monkeypatch.setenv("TRANSCODER_HOME", str(folder))
    monkeypatch.delenv("TRANSCODER_AUDIT", raising=False)
    return folder


@pytest.fixture(autouse=True)
def _own_keys(keys_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(f"TRANSCODER_{name}" for name in ("SIGNER_", "PKCS11_", "TSA_", "SANDBOX"))
    for name in [name for name in os.environ if name.startswith(others)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
    monkeypatch.setenv("TRANSCODER_TRUST_DIR", str(keys_folder.parent / "trust"))


@pytest.fixture(autouse=True)
def _own_models() -> Iterator[None]:
    """Models that a test replaced or hid must not outlive it, nor those of earlier tests hide what it does."""
    yield from _forgetting(("transcoder.vision.faces", "transcoder.vision.text"))


def _forgetting(modules: Sequence[str]) -> Iterator[None]:
    def forget() -> None:
        for name in modules:
            if name in sys.modules:
                sys.modules[name].shared.let_go()

    forget()
    yield
    forget()


@pytest.fixture(autouse=True)
def _no_real_time() -> Iterator[None]:
    """A test that makes an AV1 clip as root must not leave its process under SCHED_FIFO: two of them, each waiting for
    a thread of its own, lock up a machine of two processors until somebody ends them."""
    yield
    av1 = sys.modules.get("transcoder.encode.av1")
    if av1 is not None:
        av1.calm_threads()


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not _FAST & set(request.path.relative_to(Path(__file__).parent).parts):
        yield
        return

    def refuse(_socket: socket.socket, address: object) -> None:
        raise AssertionError(f"a fast test must not use the network: {address!r}")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    yield
