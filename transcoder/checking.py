"""Checking a delivery: verifying it, measuring it again, and rendering its report once more."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcoder.audit.base import job as audited
from transcoder.certificate import verify as verification
from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.verify import Outcome, Step, Tick, Verification
from transcoder.errors import CertificateError, UsageError
from transcoder.looking import in_child, no_tick
from transcoder.model import (
    Progress,
    ProgressCallback,
    ignore_progress,
)
from transcoder.recording import note_receipts, verified
from transcoder.settings import Settings
from transcoder.storage import local
from transcoder.wiring import anchors, journal

if TYPE_CHECKING:
    from cryptography import x509


def verify(
    path: Path | str,
    *,
    source: Path | str | None = None,
    ca: Path | str | None = None,
    receipts: Sequence[Path | str] = (),
    receipt_ca: Path | str | None = None,
    progress: ProgressCallback = ignore_progress,
    settings: Settings | None = None,
) -> list[Verification]:
    """Verify every certificate that a path stands for.

    :param path: a delivery's folder, one of its files, or a certificate.
    :param source: the master, to measure again.
    :param ca: PEM file of trusted authorities; without it, this machine's own and the trust folder's.
    :param receipts: receipts that came back, beside those that lie beside the certificate.
    :param receipt_ca: PEM file of further authorities to trust for receipts.
    :raises InputError: where no certificate belongs to the path.
    :raises CertificateError: where ``ca`` or ``receipt_ca`` cannot be read.
    :raises StorageError: where it cannot be written into the audit log.
    """

    from transcoder import tasks

    settings = settings or Settings.from_environment()

    def tick(phase: str, done: int, total: int | None) -> None:
        progress(Progress(source=str(path), phase=phase, done=done, total=total))

    def credentials(parsed: dict[str, Any], folder: Path, facts: SignatureFacts) -> str:
        return confirm_credentials(parsed, folder, facts, trusted.anchors, settings, tick)

    def measure(parsed: dict[str, Any], master: Path, folder: Path) -> list[Step]:
        arguments = {"parsed": parsed, "source": master, "folder": folder}
        steps = in_child(tasks.REMEASURE, arguments, settings, master, _files_of(parsed, folder), tick)
        return list(steps)

    log = journal(settings)
    with audited(log, "verify", {"path": str(Path(path).absolute())}) as entry:
        entry.begin({"with_source": source is not None})
        trusted = anchors(Path(ca) if ca is not None else None, settings)
        recipients = anchors(Path(receipt_ca), settings).anchors if receipt_ca is not None else ()
        certificates = verification.find_certificates(Path(path))
        named = _shared_out([Path(item) for item in receipts], certificates)
        results = [
            verification.verify(
                certificate,
                anchors=trusted,
                source=Path(source) if source is not None else None,
                measure=measure,
                credentials=credentials,
                named=named[certificate],
                recipients=recipients,
            )
            for certificate in certificates
        ]
        entry.end(verified(results))
        note_receipts(log, results)
    return results


def _shared_out(receipts: Sequence[Path], certificates: Sequence[Path]) -> dict[Path, list[Path]]:
    """Each named receipt to the certificate it is for; one that is for none fails with each of them."""
    named: dict[Path, list[Path]] = {certificate: [] for certificate in certificates}
    hashes = {local.sha256_of(certificate): certificate for certificate in certificates if certificate.is_file()}
    for path in receipts:
        wanted = None
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            wanted = hashes.get(json.loads(path.read_bytes())["certificate"]["sha256"])
        for certificate in [wanted] if wanted is not None else certificates:
            named[certificate].append(path)
    return named


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
    files = _files_of(parsed, folder)
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


def render_report(
    path: Path | str,
    *,
    out: Path | str,
    source: Path | str | None = None,
    ca: Path | str | None = None,
    settings: Settings | None = None,
) -> Path:
    """Render the report of a delivery again, after verifying its certificate.

    :param source: the master; with it the report shows the worst moment before and after.
    :raises CertificateError: where the certificate does not verify, or ``source`` is not its master.
    :raises StorageError: where ``out`` exists or cannot be written.
    """
    import jinja2

    from transcoder import tasks
    from transcoder.report import html

    settings = settings or Settings.from_environment()
    result = _verified(path, ca, settings)
    assert result.statement is not None
    assert result.signature is not None
    shown = html.Illustrations()
    if source is not None:
        verification.confirm_master(result.statement, Path(source))
        folder = result.certificate.parent
        arguments = {"parsed": result.statement, "source": Path(source), "folder": folder}
        files = _files_of(result.statement, folder)
        shown = in_child(tasks.ILLUSTRATE, arguments, settings, Path(source), files, no_tick)
    kind = "refusal" if result.certificate.name.endswith(".refusal.json") else "certificate"
    target = Path(out)
    try:
        page = html.page(
            result.statement,
            html.SignedBy(result.signature.subject, result.signature.self_issued),
            names={
                kind: result.certificate.name,
                "signature": f"{result.certificate.name}.p7s",
                "report": target.name,
            },
            shown=shown,
            max_bytes=result.statement["predicate"]["profile"]["payload_cap_bytes"],
        )
    except (jinja2.TemplateError, *verification.SENSELESS) as error:
        raise verification.senseless(error, result.certificate) from None
    store = local.LocalStore(target.absolute().parent)
    with store.workspace() as work:
        (work / "report").write_text(page, encoding="utf-8")
        return store.publish({target.name: work / "report"})[target.name]


def export_record(
    path: Path | str,
    *,
    vocabulary: str,
    out: Path | str,
    ca: Path | str | None = None,
    settings: Settings | None = None,
) -> Path:
    """Write what a certificate says in the words of another system, after verifying it.

    :param vocabulary: ``case`` for CASE/UCO 1.5 as JSON-LD, ``premis`` for PREMIS 3 as XML.
    :raises CertificateError: where the certificate does not verify.
    :raises UsageError: where the vocabulary is none of these.
    :raises StorageError: where ``out`` exists or cannot be written.
    """
    from transcoder.exports import case, premis
    from transcoder.exports.events import Record

    writers = {"case": case.export, "premis": premis.export}
    if vocabulary not in writers:
        raise UsageError(f"no such format: {vocabulary}", hint="case or premis", code="usage")
    result = _verified(path, ca, settings or Settings.from_environment())
    assert result.statement is not None
    try:
        content = writers[vocabulary](Record(result.statement, local.sha256_of(result.certificate)))
    except verification.SENSELESS as error:
        raise verification.senseless(error, result.certificate) from None
    target = Path(out)
    store = local.LocalStore(target.absolute().parent)
    with store.workspace() as work:
        (work / "export").write_bytes(content)
        return store.publish({target.name: work / "export"})[target.name]


def _verified(path: Path | str, ca: Path | str | None, settings: Settings) -> Verification:
    """The first certificate of a path, all of whose steps hold.

    :raises CertificateError: naming the step that does not.
    """
    result = verify(path, ca=ca, settings=settings)[0]
    failed = next((step for step in result.steps if step.outcome is Outcome.FAILED), None)
    if failed is not None or result.statement is None or result.signature is None:
        raise CertificateError(
            f"step {failed.number} failed, {failed.title}: {failed.detail}" if failed else "not verified",
            where=result.certificate.name,
        )
    return result


def _files_of(parsed: Mapping[str, Any], folder: Path) -> list[Path]:
    """The files of a delivery; none that lie elsewhere."""
    names = [item["name"] for item in parsed["predicate"]["files"]]
    return [folder / name for name in names if Path(name).name == name]
