"""Exit codes: the promise to scripts. Documented in docs/json-output.md and in ``transcoder --help``."""

from __future__ import annotations

from collections.abc import Iterable

from transcoder import errors

DELIVERED, INTERNAL, USAGE, REFUSED, BAD_INPUT, NOT_VERIFIED, STORAGE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130

_CODES: tuple[tuple[type[errors.TranscodeError], int], ...] = (
    (errors.UsageError, USAGE),
    (errors.InputError, BAD_INPUT),
    (errors.NoAcceptableEncoding, REFUSED),
    (errors.CertificateError, NOT_VERIFIED),
    (errors.StorageError, STORAGE),
    (errors.Cancelled, INTERRUPTED),
    (errors.TranscodeError, INTERNAL),
)
# Of several sources' outcomes the gravest decides: a fault of ours or of the machine before one of a source.
_GRAVITY = (INTERRUPTED, INTERNAL, STORAGE, NOT_VERIFIED, USAGE, BAD_INPUT, REFUSED, DELIVERED)


def code_for(error: BaseException) -> int:
    """The exit code of an error."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL)


def gravest(codes: Iterable[int]) -> int:
    """The exit code of several sources together."""
    seen = set(codes)
    return next((code for code in _GRAVITY if code in seen), DELIVERED)
