"""Signing with an organisation's own program: a client of its signing service, of a smart card, of a cloud's key store.

The program gets 32 bytes on standard input, the SHA-256 of what is to be signed, and gives an ECDSA signature in DER on
standard output. Nothing else goes to it: no file name, no case, no content.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence

from cryptography import x509

from transcoder.certificate.signer import CertifiedSigner, confirm_signature
from transcoder.errors import CertificateError

TIMEOUT_S = 60.0
_MAX_SIGNATURE_BYTES = 72
"""Of two numbers of 256 bits in DER."""


class CommandSigner(CertifiedSigner):
    """Signs by running a program.

    :param command: the program and its arguments; no shell reads them.
    :param certificates: of the key that the program uses, then the authorities above it.
    """

    def __init__(
        self, command: Sequence[str], certificates: Sequence[x509.Certificate], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        super().__init__(certificates)
        self._command, self._timeout_s = tuple(command), timeout_s

    def sign_bytes(self, data: bytes) -> bytes:
        """A plain ECDSA signature over the SHA-256 of ``data``, in DER.

        :raises CertificateError: where the program fails, takes too long, or gives something else.
        """
        program = self._command[0]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, without a shell
                self._command,
                input=hashlib.sha256(data).digest(),
                capture_output=True,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _failed(program, f"gave no signature in {self._timeout_s:g} s") from None
        except OSError as error:
            raise _failed(program, f"cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").split("\n")
            last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
            raise _failed(program, f"failed with code {done.returncode}: {last[:200]}")
        if not 8 <= len(done.stdout) <= _MAX_SIGNATURE_BYTES or done.stdout[0] != 0x30:
            raise _failed(program, f"gave {len(done.stdout)} bytes that are no ECDSA signature in DER")
        confirm_signature(self._certificates[0], data, done.stdout)
        return done.stdout


def _failed(program: str, what: str) -> CertificateError:
    return CertificateError(
        f"the signing command {what}",
        where=program,
        hint="it must read 32 bytes (a SHA-256) and write an ECDSA signature in DER; see TRANSCODER_SIGNER_COMMAND",
        code="signer-command-failed",
    )
