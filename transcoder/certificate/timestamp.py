"""Asking a time-stamping authority (RFC 3161) over HTTP.

Requests and answers are read and written by ``rfc3161-client`` (what Sigstore uses, parsing in Rust); what an answer
proves is judged by ``token``, the same code that receivers use. The authority is a stranger on the network: it may be
away, slow, or send anything, and none of that may cost more than a few seconds. It is where it was configured: one that
sends elsewhere, perhaps to a file, is not followed.
"""

from __future__ import annotations

import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

import rfc3161_client

from transcoder.certificate import token, trusted
from transcoder.certificate.trusted import Trust
from transcoder.errors import CertificateError, UsageError

TIMEOUT_S = 10.0
_MAX_BYTES = 64 * 1024
_CONTENT = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


class HttpTimeStamper:
    """One authority.

    :param url: http or https. What is sent is a hash, and the answer is signed: http is no risk, and is usual.
    :param trust: whose ``time_anchors`` the answer must lead to.
    :param timeout_s: for everything together: name, connection, answer.
    :raises UsageError: where the address is none.
    """

    def __init__(self, url: str, trust: Trust, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("TRANSCODER_TSA_URL must be an http or https address", where=url[:80])
        self._url, self._trust, self._timeout_s = url, trust, timeout_s
        # Whatever is behind @ or ? may be a secret; a certificate is for everybody.
        self._address = urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def address(self) -> str:
        """Without user, password and query."""
        return self._address

    def stamp(self, signature_value: bytes) -> bytes:
        """A token about a signature, checked as a receiver will.

        :raises CertificateError: where there is none to be had (``time-stamp-unavailable`` and ``time-stamp-...``).
        """
        request = (
            rfc3161_client.TimestampRequestBuilder()
            .data(signature_value)
            .hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        made = token.tidied(self._granted(_within(self._timeout_s, lambda: self._post(request.as_bytes()))))
        facts = token.read(made, signature_value)
        if facts.nonce != request.nonce:
            raise _unavailable("answered another request than this one")
        trusted.confirm_time(facts, self._trust)
        return made

    def _granted(self, answer: bytes) -> bytes:
        try:
            response = rfc3161_client.decode_timestamp_response(answer)
            granted = response.status in (rfc3161_client.PKIStatus.GRANTED, rfc3161_client.PKIStatus.GRANTED_WITH_MODS)
            reasons = "; ".join(response.status_string)
            made = response.time_stamp_token() if granted else b""
        except Exception as error:  # noqa: BLE001 - a parser of foreign bytes; whatever it says, there is no token
            raise _unavailable(f"answered nonsense ({type(error).__name__})") from None
        if not granted:
            raise _unavailable("refused" + (f": {reasons[:200]}" if reasons else ""))
        return made

    def _post(self, body: bytes) -> bytes:
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
            urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(),
        ):  # fmt: skip
            opener.add_handler(handler)
        request = urllib.request.Request(self._url, data=body, headers=_CONTENT, method="POST")  # noqa: S310 - checked above
        try:
            with opener.open(request, timeout=self._timeout_s) as response:
                answer: bytes = response.read(_MAX_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            elsewhere = "; name the address it moved to" if 300 <= error.code < 400 else ""
            raise _unavailable(f"answered with HTTP status {error.code}{elsewhere}") from None
        except (OSError, ValueError, AttributeError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise _unavailable(f"cannot be reached: {reason}") from None
        if len(answer) > _MAX_BYTES:
            raise _unavailable(f"answered with more than {_MAX_BYTES} bytes")
        return answer


def _unavailable(what: str) -> CertificateError:
    return CertificateError(f"the time-stamping authority {what}", code="time-stamp-unavailable")


def _within(timeout_s: float, action: Callable[[], bytes]) -> bytes:
    """Run something that may hang, for a time. A time-out of the socket counts from byte to byte only."""
    done: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put(action())
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
            done.put(error)

    threading.Thread(target=run, daemon=True, name="time-stamp").start()
    try:
        result = done.get(timeout=timeout_s)
    except queue.Empty:
        raise _unavailable(f"did not answer in {timeout_s:g} s") from None
    if isinstance(result, BaseException):
        raise result
    return result
