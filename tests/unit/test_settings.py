"""Settings come from the environment and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcoder import app
from transcoder.errors import UsageError
from transcoder.settings import Settings


def test_an_empty_variable_counts_as_unset() -> None:
    settings = Settings.from_environment({"TRANSCODER_SIGNER_KEY": "", "TRANSCODER_KEYS_DIR": ""})
    assert settings.signer_key is None
    assert settings.keys_dir.parts[-2:] == ("transcoder", "keys")


def test_every_path_is_read() -> None:
    names = ("KEYS_DIR", "SIGNER_KEY", "SIGNER_CERT", "SIGNER_CHAIN")
    settings = Settings.from_environment({f"TRANSCODER_{name}": f"/x/{name}" for name in names})
    assert [settings.keys_dir, settings.signer_key, settings.signer_cert, settings.signer_chain] == [
        Path(f"/x/{name}") for name in names
    ]


def test_the_sandbox_is_set_by_mode_and_limits() -> None:
    settings = Settings.from_environment({"TRANSCODER_SANDBOX": "off", "TRANSCODER_SANDBOX_CPU_S": "9"})
    assert settings.sandbox.mode == "off"
    assert settings.sandbox.limits().cpu_s == 9


def test_a_key_without_its_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="belong together"):
        app.services(tmp_path, Settings(keys_dir=tmp_path / "keys", signer_key=tmp_path / "key.pem"))
    assert not (tmp_path / "keys").exists()
