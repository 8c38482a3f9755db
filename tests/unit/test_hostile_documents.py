"""Documents that fuzzing found to be more than an error of ours: each stays one line with a stable code."""

from __future__ import annotations

import importlib
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.helpers import deliveries
from transcoder import app
from transcoder.certificate.keys import KeyPair
from transcoder.errors import CertificateError, ProfileError, TranscodeError, UsageError
from transcoder.model.value import parse_clock
from transcoder.profile import Profile, read_text
from transcoder.sandbox import wire
from transcoder.sandbox.limits import Mode, Policy
from transcoder.settings import Settings

_UNCONFINED = Settings(keys_dir=Path(tempfile.mkdtemp()) / "keys", audit=False, sandbox=Policy(mode=Mode.OFF))


@pytest.mark.parametrize(
    "text", [".".join(["a"] * 20_000) + " = 1", "x = {" + ".".join(["'#'"] * 20_000) + " = 1}", "#" * 200_000]
)
def test_a_profile_that_would_keep_the_parser_busy_is_refused_unread(text: str) -> None:
    with pytest.raises(ProfileError) as caught:
        Profile.from_toml(text, origin="own.toml")
    assert caught.value.code == "profile-syntax"


def test_a_comment_may_have_any_number_of_dots() -> None:
    text = read_text("cps-twif-1mb")[0]
    assert Profile.from_toml(f"# {'.' * 500}\n{text}", origin="own.toml").version == 1


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"urn": "\\ud800"}', '{"urn": ' + "1" * 5000 + "}", '{"' + "x" * 9000 + '": "a"}', "[]"]
)
def test_a_case_file_of_any_content_is_one_short_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        importlib.import_module("transcoder.cli.arguments").case_fields(file, {})
    assert caught.value.code == "case-file"
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("line", [f"{'x' * 5000} = 1", f'name = "{"y" * 5000}"'])
def test_an_error_repeats_no_long_key_or_value_of_a_profile(line: str) -> None:
    text = read_text("cps-twif-1mb")[0].replace('name = "cps-twif-1mb"', line)
    with pytest.raises(ProfileError) as caught:
        Profile.from_toml(text, origin="own.toml")
    assert len(str(caught.value)) < 500


def test_an_error_repeats_no_long_argument() -> None:
    with pytest.raises(UsageError) as caught:
        parse_clock("9" * 100_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["1/00", "-1/000", "0/0"])
def test_no_fraction_of_nothing_crosses_the_border(text: str) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(Fraction, text)


@pytest.mark.parametrize("name", [[], {}, ["InputError"]])
def test_a_class_that_is_no_name_is_no_error(name: Any) -> None:
    data = {"class": name, "message": "m", "where": None, "hint": None, "code": "c", "details": {}}
    with pytest.raises(wire.WireError):
        wire.rebuild_error(data)


def _signed(folder: Path, pair: KeyPair, change: deliveries.Change, **kind: Any) -> tuple[Path, Path]:
    """A delivery whose signed statement was changed, and the file of its authority."""
    parcel = deliveries.make(folder, pair, change=change, **kind)
    authority = folder / "ca.pem"
    authority.write_bytes(b"".join(item.public_bytes(Encoding.PEM) for item in pair.chain))
    return parcel.certificate, authority


def test_a_report_of_signed_values_that_make_no_sense_is_refused(tmp_path: Path, pair: KeyPair) -> None:
    def forget(statement: dict[str, Any]) -> None:
        assert "parts_estimate" not in statement["predicate"]["refusal"]

    certificate, authority = _signed(tmp_path, pair, forget, refused=True)
    with pytest.raises(CertificateError) as caught:
        app.render_report(certificate, out=tmp_path / "again.html", ca=authority, settings=_UNCONFINED)
    assert caught.value.code == "statement-senseless"
    assert not (tmp_path / "again.html").exists()


def test_tiles_that_the_certificate_does_not_list_are_one_error(tmp_path: Path, pair: KeyPair) -> None:
    def misname(statement: dict[str, Any]) -> None:
        statement["predicate"]["pieces"] = {
            "kind": "tiles", "size": [64, 64], "mode": "RGB", "pixels_sha256": "ab" * 32, "overview": None,
            "items": [{"name": "elsewhere.png", "box": [0, 0, 64, 64]}],
        }  # fmt: skip

    certificate, authority = _signed(tmp_path, pair, misname)
    with pytest.raises(TranscodeError) as caught:
        app.join(certificate, out=tmp_path / "whole.png", ca=authority, settings=_UNCONFINED)
    assert caught.value.code == "statement-senseless"
