"""The best delivery of all: the same bytes, as a file, or on the page of a document that the studio makes of it."""

from __future__ import annotations

import shutil

from transcoder.encode.base import EncodeJob
from transcoder.errors import StorageError
from transcoder.model import Encoded, EncodeSpec

_PROOFS = {
    "copy": "sha256 of the output equals the source's",
    "page": "the picture was taken out of the page again and is the source's",
}


class Unchanged:
    """Copies the source byte for byte; the hash is compared when the delivery is published."""

    def __init__(self, job: EncodeJob) -> None:
        self._job = job

    def encode(self, spec: EncodeSpec) -> Encoded:
        """:raises StorageError: where the copy cannot be written."""
        target = self._job.workdir / f"unchanged.{spec.rung.extension}"
        try:
            shutil.copyfile(self._job.source.path, target)
        except OSError as error:
            raise StorageError(f"cannot copy the source: {error.strerror}", where=str(target.parent)) from None
        return Encoded(
            path=target,
            bytes=target.stat().st_size,
            settings={},
            lossless_proof=_PROOFS[spec.rung.encoder],
            fates=spec.rung.fates,
        )
