"""What a verification asks of media: steps 10 and 13, whose answers come from a child that opens the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.verify import Tick
from transcoder.errors import CertificateError
from transcoder.looking import in_child
from transcoder.settings import Settings

if TYPE_CHECKING:
    from cryptography import x509


def confirm_credentials(
    parsed: Mapping[str, Any], folder: Path, facts: SignatureFacts, trusted: Sequence[x509.Certificate],
    settings: Settings, tick: Tick,
) -> str:  # fmt: skip
    """Step 10: what the files carry, read in a child, is what their certificate says.

    :param facts: of the certificate's own signature, which was verified.
    :raises CertificateError: naming the first file whose manifest is not whole, or another's.
    """
    from transcoder.credentials.notary import chain_pem
    from transcoder.credentials.reading import State
    from transcoder.credentials.work import CHECK, Carried

    entries = [entry for entry in parsed["predicate"]["credentials"]["files"] if entry["carrier"] != "none"]
    carried = [
        Carried(path=folder / entry["name"], sidecar=folder / entry["store"] if entry["store"] is not None else None)
        for entry in entries
    ]
    files = files_of(parsed, folder)
    if not {path for item in carried for path in (item.path, item.sidecar) if path is not None} <= set(files):
        raise CertificateError("the certificate lists manifests of files that it does not name")
    arguments = {"files": carried, "trusted_pem": chain_pem((*facts.chain[1:], *trusted))}
    answers = in_child(CHECK, arguments, settings, carried[0].path, files, tick)
    for entry, found in zip(entries, answers, strict=True):
        name = entry["name"]
        if found is None:
            raise CertificateError("the manifest is missing", where=name, code="credentials-missing")
        if found.state in (State.INVALID, State.MALFORMED):
            why = ", ".join(found.codes)
            raise CertificateError(f"the manifest does not hold ({why})", where=name, code="credentials-invalid")
        # Whether that signer is trusted is what step 3 says; an authority gives each of its numbers once.
        if found.serial != str(facts.chain[0].serial_number):
            raise CertificateError(
                f"the manifest is signed by another ({found.signer})", where=name, code="credentials-other-signer"
            )
        if found.master_sha256 != parsed["predicate"]["source"]["sha256"]:
            raise CertificateError("the manifest names another master", where=name, code="credentials-other-master")
    beside = sum(1 for entry in entries if entry["store"] is not None)
    lacking = len(parsed["predicate"]["credentials"]["files"]) - len(entries)
    return f"{len(entries) - beside} in their files, {beside} beside them" + (f", {lacking} without" if lacking else "")


def confirm_coded(parsed: Mapping[str, Any], folder: Path, settings: Settings, tick: Tick) -> str:
    """Step 13: what is coded in the files, read in a child, is what their certificate says.

    :raises CertificateError: naming the first file in which it is not.
    """
    from transcoder import tasks

    repeatability = parsed["predicate"]["repeatability"]
    wanted = {folder / item["name"]: item["coded_sha256"] for item in repeatability["files"]}
    if not set(wanted) <= set(files_of(parsed, folder)):
        raise CertificateError("the certificate lists coded media of files that it does not name")
    files = list(wanted)
    answers = in_child(tasks.DIGEST, {"files": files}, settings, files[0], files, tick)
    for path, found in zip(files, answers, strict=True):
        if found != wanted[path]:
            raise CertificateError("other packets than those certified", where=path.name, code="coded-differ")
    repeats = "repeatable" if repeatability["repeatable"] else f"not repeatable: {repeatability['reason']}"
    return f"{len(files)} file(s), {repeats}"


def files_of(parsed: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files of a delivery; none that lie elsewhere."""
    names = [item["name"] for item in parsed["predicate"]["files"]]
    return [folder / name for name in names if Path(name).name == name]
