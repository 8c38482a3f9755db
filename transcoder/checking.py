"""Checking a delivery: verifying it, measuring it again, and rendering its report once more."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transcoder.audit.base import job as audited
from transcoder.certificate import verify as verification
from transcoder.certificate.base import SignatureFacts
from transcoder.certificate.verify import Outcome, Step, Verification
from transcoder.confirming import confirm_coded, confirm_credentials, files_of
from transcoder.errors import CertificateError, UsageError
from transcoder.looking import in_child, no_tick
from transcoder.model import (
    Progress,
    ProgressCallback,
    ignore_progress,
)
from transcoder.recording import note_receipts, verified
from transcoder.sandbox import parent
from transcoder.settings import Settings
from transcoder.storage import local
from transcoder.wiring import anchors, journal


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

    def coded(parsed: dict[str, Any], folder: Path) -> str:
        return confirm_coded(parsed, folder, settings, tick)

    def measure(parsed: dict[str, Any], master: Path, folder: Path) -> list[Step]:
        arguments = {"parsed": parsed, "source": master, "folder": folder}
        steps = in_child(tasks.REMEASURE, arguments, settings, master, files_of(parsed, folder), tick)
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
                coded=coded,
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


def render_report(
    path: Path | str,
    *,
    out: Path | str | None = None,
    pdf: Path | str | None = None,
    source: Path | str | None = None,
    ca: Path | str | None = None,
    settings: Settings | None = None,
) -> list[Path]:
    """Render the report of a delivery again, after verifying its certificate; the files that were written.

    :param out: the HTML file to write.
    :param pdf: the PDF file to write; one of both is needed.
    :param source: the master; with it the report shows the worst moment before and after.
    :raises UsageError: where neither file is asked for, or this machine cannot lay out PDFs.
    :raises CertificateError: where the certificate does not verify, or ``source`` is not its master.
    :raises CapUnreachable: where the PDF does not fit the delivery's cap.
    :raises StorageError: where a file exists or cannot be written.
    """
    settings = settings or Settings.from_environment()
    targets = {kind: Path(name) for kind, name in (("html", out), ("pdf", pdf)) if name is not None}
    if not targets:
        raise UsageError("no file to write the report to", hint="name one with --out FILE or --pdf FILE")
    stores = {kind: local.LocalStore(target.absolute().parent) for kind, target in targets.items()}
    for kind, store in stores.items():
        store.reserve([targets[kind].name])
    result = _verified(path, ca, settings)
    pages = _pages(result, source, list(targets), settings)
    written = []
    for kind, target in targets.items():
        with stores[kind].workspace() as work:
            if kind == "html":
                (work / "report").write_text(pages[kind], encoding="utf-8")
                made = work / "report"
            else:
                made = _laid_out(pages[kind], _cap(result), target.name, work, settings)
            written.append(stores[kind].publish({target.name: made})[target.name])
    return written


def _pages(result: Verification, source: Path | str | None, kinds: Sequence[str], settings: Settings) -> dict[str, str]:
    """The report by kind: for the screen (html) and for paper (pdf)."""
    import jinja2

    from transcoder import tasks
    from transcoder.report import html

    assert result.statement is not None
    assert result.signature is not None
    shown = html.Illustrations()
    if source is not None:
        verification.confirm_master(result.statement, Path(source))
        folder = result.certificate.parent
        arguments = {"parsed": result.statement, "source": Path(source), "folder": folder}
        files = files_of(result.statement, folder)
        shown = in_child(tasks.ILLUSTRATE, arguments, settings, Path(source), files, no_tick)
    name = result.certificate.name
    names = {"refusal" if name.endswith(".refusal.json") else "certificate": name, "signature": f"{name}.p7s"}
    try:
        return {
            kind: html.page(
                result.statement,
                html.SignedBy(result.signature.subject, result.signature.self_issued),
                names=names,
                shown=shown,
                max_bytes=_cap(result),
                paper=kind == "pdf",
            )
            for kind in kinds
        }
    except (jinja2.TemplateError, *verification.SENSELESS) as error:
        raise verification.senseless(error, result.certificate) from None


def _laid_out(page: str, cap_bytes: int, name: str, work: Path, settings: Settings) -> Path:
    from transcoder import tasks

    made = work / "made"
    made.mkdir()
    parent.run(
        tasks.LAY_OUT, {"page": page, "max_bytes": cap_bytes}, policy=settings.sandbox, name=name, read=[], work=made,
        tick=no_tick, source_bytes=len(page),
    )  # fmt: skip
    return local.confirm_own(made / tasks.PAPER, made)


def _cap(result: Verification) -> int:
    assert result.statement is not None
    return int(result.statement["predicate"]["profile"]["payload_cap_bytes"])


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
