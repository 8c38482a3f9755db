"""A hardware module in software (SoftHSM2) with a token and a key on it; tests skip where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.helpers import authorities
from transcoder.certificate.hsm import Place
from transcoder.certificate.keys import KeyPair

PIN, LABEL = "482913", "signer"
_FOLDERS = ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm", "/usr/lib64")


def module() -> Path:
    """The library; skips where there is none."""
    pytest.importorskip("pkcs11", reason="the extra hsm is not installed")
    found = next((path for folder in _FOLDERS if (path := Path(folder) / "libsofthsm2.so").exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed")
    return found


def place(pair: KeyPair, folder: Path, *, with_certificate: bool = False) -> Place:
    """A new token with the key of a pair, and its certificate too where that is wanted."""
    library = module()
    # The library reads its configuration once a process: one store, a token each.
    store = Path(os.environ.setdefault("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))).parent
    (store / "tokens").mkdir(exist_ok=True)
    (store / "softhsm2.conf").write_text(f"directories.tokendir = {store / 'tokens'}\nlog.level = ERROR\n")
    token = f"t{len(list((store / 'tokens').iterdir()))}"
    key = authorities.write_key(folder / "import.pem", pair.key)
    _run("--init-token", "--free", "--label", token, "--pin", PIN, "--so-pin", PIN)
    _run("--import", str(key), "--token", token, "--label", LABEL, "--id", "01", "--pin", PIN)
    made = Place(module=library, token=token, key=LABEL, pin=PIN)
    import pkcs11

    pkcs11.lib(str(library)).reinitialize()  # a token made by another process is not seen before
    if with_certificate:
        der = pair.certificate.public_bytes(Encoding.DER)
        with pkcs11.lib(str(library)).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
            session.create_object(
                {
                    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                    pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    pkcs11.Attribute.TOKEN: True,
                    pkcs11.Attribute.LABEL: LABEL,
                    pkcs11.Attribute.SUBJECT: pair.certificate.subject.public_bytes(),
                    pkcs11.Attribute.VALUE: der,
                }
            )
    return made


def _run(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
