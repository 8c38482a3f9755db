"""Signatures of webhooks, as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body.

Shared by the service, which signs, and by the client, which verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping

from transcoder.errors import UsageError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX, _VERSION = "whsec_", "v1"
_SECRET_BYTES, _LEAST_SECRET_BYTES = 32, 16
"""A shorter one, an empty one above all, is a setting that was forgotten: everybody could sign with it."""
_STAMP_DIGITS = 12


def new_secret() -> str:
    """A secret of 256 random bits, in the form that libraries for Standard Webhooks take."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of the signature's header.

    :raises UsageError: where the secret is none (``webhook-secret``).
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return f"{_VERSION}," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def verify_webhook(
    headers: Mapping[str, str], body: bytes, secret: str, *, tolerance_s: float = 300.0, now_s: float | None = None
) -> str:
    """Confirm that a request comes from who knows the secret, and lately.

    :param headers: of the request, in whatever letters.
    :param body: the bytes as they came, before any parsing.
    :param tolerance_s: how old or new it may be: a request that was listened to must not be played again for ever.
    :param now_s: seconds since 1970; None means now.
    :returns: its id, the same each time that the service tries to tell this: what was seen already is to be dropped.
    :raises UsageError: where it cannot be confirmed (``webhook-unconfirmed``): do not act on it; where the secret is
        none (``webhook-secret``).
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, stamp, signatures = (given.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE))
    readable = message_id.isascii() and stamp.isascii() and stamp.isdecimal() and len(stamp) <= _STAMP_DIGITS
    if not message_id or not readable or not signatures.isascii():
        raise UsageError("the request has no signature", code="webhook-unconfirmed")
    moment = time.time() if now_s is None else now_s
    if abs(moment - int(stamp)) > tolerance_s:
        raise UsageError("the request was signed too long ago, or the clocks differ", code="webhook-unconfirmed")
    wanted = sign(secret, message_id, int(stamp), body).encode()
    if not any(hmac.compare_digest(wanted, one.encode()) for one in signatures.split()):
        raise UsageError("the signature is not of this secret and body", code="webhook-unconfirmed")
    return message_id


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < _LEAST_SECRET_BYTES:
        raise UsageError("this is no secret of a webhook", code="webhook-secret")
    return key


__all__ = ["ID", "SIGNATURE", "TIMESTAMP", "new_secret", "sign", "verify_webhook"]
