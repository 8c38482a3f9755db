"""What `import transcoder` offers, and what it must not cost."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

import pytest

import transcoder


@pytest.mark.parametrize("name", transcoder.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(transcoder, name) is not None
    assert name in dir(transcoder)


def test_the_public_names_are_the_promised_ones() -> None:
    promised = {"transcode", "verify", "Profile", "Delivery", "Verdict", "TranscodeError", "__version__"}
    assert promised <= set(transcoder.__all__)
    assert len(set(transcoder.__all__)) == len(transcoder.__all__)


def test_every_error_is_public() -> None:
    from transcoder import errors

    kinds = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, Exception)}
    assert kinds <= set(transcoder.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = transcoder.nonsense


def test_the_types_travel_with_the_package() -> None:
    assert (resources.files("transcoder") / "py.typed").is_file()


@pytest.mark.parametrize("statement", ["import transcoder", "import transcoder.cli", "import transcoder.errors"])
def test_importing_is_cheap(statement: str) -> None:
    code = (
        f"import sys; {statement}; "
        "heavy = {'av', 'numba', 'numpy', 'PIL', 'skimage', 'cryptography', 'jinja2'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
