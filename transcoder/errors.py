"""Every error this package raises on purpose, drawn as a tree.

    TranscodeError
    ├── UsageError                 the caller asked for something that makes no sense
    │   └── ProfileError           a transmission profile is not valid (names the key and the line)
    ├── InputError                 the source cannot be read, is not media, or holds nothing to deliver
    │   └── SandboxError           the child that works on the media crashed, hung or went beyond a limit
    ├── NoAcceptableEncoding       a correct answer: nothing meets cap and floors together
    │   ├── CapUnreachable         nothing this profile allows is small enough
    │   └── FloorUnreachable       small enough exists, but it destroys detail
    ├── EncodeError                an encoder or muxer failed
    ├── OutputMismatch             what was written is not what was promised (frames, times, pixels, source changed)
    ├── CertificateError           a key, signature, chain or hash does not hold
    ├── StorageError               a file cannot be written, or would overwrite another
    └── Cancelled                  the caller asked to stop

Each carries a stable ``code`` (kebab-case, never reused), one line of text, and ``diagnostics()`` for
machines. Nothing here knows exit codes or HTTP: the outer layers map classes to theirs.
"""

from __future__ import annotations

from collections.abc import Mapping


class TranscodeError(Exception):
    """Base of all errors raised on purpose.

    :param message: what happened, in one line.
    :param where: the file, key or address it happened at.
    :param hint: what the reader can do about it.
    :param code: stable identifier for programs; each class has a default.
    :param details: further machine-readable facts (JSON types only).
    """

    default_code = "internal"

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        code: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.code = code or self.default_code
        self.details: dict[str, object] = dict(details or {})

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.hint:
            text = f"{text}; {self.hint}"
        # One line whatever a file name or a library's message contains.
        return " ".join(text.split())

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions, and errors
        # cross process borders (worker pools, job engines).
        arguments = (type(self), self.message, self.where, self.hint, self.code, self.details)
        return (_rebuild, arguments, dict(self.__dict__))

    def diagnostics(self) -> dict[str, object]:
        """Machine-readable form: ``{"code", "message", "where", "hint", "details"}``."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "hint": self.hint,
            "details": self.details,
        }


def _rebuild(
    cls: type[TranscodeError],
    message: str,
    where: str | None,
    hint: str | None,
    code: str,
    details: dict[str, object],
) -> TranscodeError:
    return cls(message, where=where, hint=hint, code=code, details=details)


class UsageError(TranscodeError):
    """The request itself is wrong."""

    default_code = "usage"


class ProfileError(UsageError):
    """A transmission profile is missing or not valid."""

    default_code = "profile-invalid"


class InputError(TranscodeError):
    """The source cannot be used."""

    default_code = "input-unusable"


class SandboxError(InputError):
    """The child process that decodes and encodes ended without an answer; the source is what made it.

    Codes: ``sandbox-crashed``, ``sandbox-memory``, ``sandbox-cpu-time``, ``sandbox-file-size``, ``sandbox-hung``,
    ``sandbox-wall-time`` and ``sandbox-protocol``.
    """

    default_code = "sandbox-crashed"


class NoAcceptableEncoding(TranscodeError):
    """No rung of the ladder meets the cap and the floors together. Not a fault: a refusal with numbers.

    ``delivery`` is the signed refusal that was written (a ``model.Delivery``), or None where it was not.
    """

    default_code = "no-acceptable-encoding"
    delivery: object | None = None


class CapUnreachable(NoAcceptableEncoding):
    """Nothing the profile allows is small enough."""

    default_code = "cap-unreachable"


class FloorUnreachable(NoAcceptableEncoding):
    """What fits under the cap is below a fidelity floor."""

    default_code = "floor-unreachable"


class EncodeError(TranscodeError):
    """An encoder, decoder or muxer failed on material that was accepted."""

    default_code = "encode-failed"


class OutputMismatch(TranscodeError):
    """An output or the source differs from what was promised; nothing was published."""

    default_code = "output-mismatch"


class CertificateError(TranscodeError):
    """A key, signature, certificate chain or hash does not hold."""

    default_code = "certificate-invalid"


class StorageError(TranscodeError):
    """A file cannot be read, written or published safely."""

    default_code = "storage-failed"


class Cancelled(TranscodeError):
    """The caller asked to stop; nothing was published."""

    default_code = "cancelled"
