"""What lies beside a certificate: the files it names, their sizes and hashes (steps 5 to 7)."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from transcoder.certificate import receipts, sets
from transcoder.errors import CertificateError, InputError
from transcoder.parts.survey import survey
from transcoder.parts.volumes import parse_name

ENDINGS = (".certificate.json", ".refusal.json")


def find_certificates(path: Path) -> list[Path]:
    """The certificates that a path stands for: itself, its file's, or all in a folder.

    :raises InputError: where there is none.
    """
    if path.is_dir():
        found = sorted(item for ending in ENDINGS for item in path.glob(f"*{ending}"))
    elif path.name.endswith(ENDINGS):
        found = [path] if path.exists() else []
    else:
        bare = path.name.removesuffix(".p7s")
        stems = [bare.removesuffix(ending) for ending in (*ENDINGS, ".report.html", receipts.ENDING)] + [
            Path(bare).stem
        ]
        candidates = [path.with_name(stem + ending) for stem in stems for ending in ENDINGS]
        candidates.append(path.with_name(bare))
        found = [item for item in dict.fromkeys(candidates) if item.name.endswith(ENDINGS) and item.exists()][:1]
        found = found or _naming(path)
    if not found:
        raise InputError(
            "no certificate belongs to this path",
            where=str(path),
            hint="name a delivery's folder, its media file, or its .certificate.json",
            code="no-certificate",
        )
    return found


def stem_of(certificate: Path) -> str:
    """The common name of a delivery's files."""
    return next(certificate.name.removesuffix(e) for e in ENDINGS if certificate.name.endswith(e))


def _naming(path: Path) -> list[Path]:
    """The certificates beside a file that name it: one of several parts, tiles, stills or volumes."""
    volume = parse_name(path.name)
    wanted = json.dumps(volume[0] if volume else path.name, ensure_ascii=False).encode()
    beside = sorted(item for ending in ENDINGS for item in path.parent.glob(f"*{ending}"))
    with contextlib.suppress(OSError):
        return [item for item in beside if wanted in item.read_bytes()][:1]
    return []


def files(parsed: dict[str, Any], certificate: Path) -> str:
    """Step 5.

    :raises CertificateError: naming the first file that is not the certified one.
    """
    predicate, folder = parsed["predicate"], certificate.parent
    # A refusal names no files: under a certificate's name it would say that what lies beside it is well.
    if (predicate["verdict"] == "refused") != certificate.name.endswith(".refusal.json"):
        raise CertificateError(f"the verdict is {predicate['verdict']}, and the file's name says otherwise")
    named = {item["name"]: item["digest"]["sha256"] for item in parsed["subject"]}
    listed = predicate["files"]
    if predicate["verdict"] != "refused" and named != {item["name"]: item["sha256"] for item in listed}:
        raise CertificateError("the certificate's subjects and files contradict each other")
    whole = [item["sha256"] for item in listed if item["role"] not in ("evidence", "credentials")]
    if predicate["verdict"] == "identical" and whole != [predicate["source"]["sha256"]]:
        raise CertificateError("the certificate calls a file identical that is not its master's bytes")
    for item in listed:
        path = folder / item["name"]
        if path.name != item["name"]:
            raise CertificateError("the certificate names a file outside its folder", where=item["name"])
        try:
            size, digest = path.stat().st_size, _sha256(path)
        except OSError:
            raise CertificateError("the file is missing", where=item["name"], code="file-missing") from None
        if size != item["bytes"] or digest != item["sha256"]:
            raise CertificateError(
                "the file is not the one that was certified (its SHA-256 differs)",
                where=item["name"],
                code="file-changed",
            )
    volumes = _volumes(predicate["original"], folder)
    return (f"{len(listed)} file(s)" if listed else "a refusal delivers no media") + volumes


def _volumes(original: dict[str, Any] | None, folder: Path) -> str:
    if original is None:
        return ""
    found = survey(folder, sets.expected_volumes(original))
    if not found.complete:
        lacking = [*found.missing, *(f"{name} ({reason})" for name, reason in found.damaged)]
        raise CertificateError(
            f"{len(lacking)} of {len(original['volumes'])} volumes of the original lack: {', '.join(lacking[:3])}"
            f"{', ...' if lacking[3:] else ''}",
            hint="ask the sender for these",
            code="file-missing",
        )
    return f", and the original in {len(original['volumes'])} volumes"


def cap(parsed: dict[str, Any], certificate: Path) -> str:
    """Step 6.

    :raises CertificateError: naming the first file over the cap.
    """
    predicate = parsed["predicate"]
    cap_bytes = predicate["profile"]["payload_cap_bytes"]
    stem = stem_of(certificate)
    names = {item["name"] for item in predicate["files"]} | {
        certificate.name, f"{certificate.name}.p7s", f"{stem}.report.html",
    }  # fmt: skip
    for name in sorted(names):
        path = certificate.with_name(name)
        if path.exists() and path.stat().st_size > cap_bytes:
            raise CertificateError(f"{path.stat().st_size} bytes are over the cap of {cap_bytes}", where=name)
    return f"cap {cap_bytes} bytes"


def confirm_master(parsed: dict[str, Any], source: Path) -> str:
    """Step 7.

    :raises CertificateError: where the file is another one.
    """
    try:
        digest = _sha256(source)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(source)) from None
    if digest != parsed["predicate"]["source"]["sha256"]:
        raise CertificateError("this is not the master the certificate names", where=source.name, code="other-source")
    return f"sha256 {digest}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
