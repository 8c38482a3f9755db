"""Signatures of webhooks: what the specification's own example gives, and everything that must not pass."""

from __future__ import annotations

import pytest

from transcoder import webhooks
from transcoder.client import verify_webhook
from transcoder.errors import UsageError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, STAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(**changes: str) -> dict[str, str]:
    found = {"Webhook-Id": ID, "Webhook-Timestamp": str(STAMP), "Webhook-Signature": KNOWN}
    return found | {name.replace("_", "-"): value for name, value in changes.items()}


def test_the_specification_s_example() -> None:
    assert webhooks.sign(SECRET, ID, STAMP, BODY) == KNOWN
    assert verify_webhook(headers(), BODY, SECRET, now_s=STAMP + 10) == ID


def test_one_of_several_signatures_is_enough() -> None:
    several = headers(Webhook_Signature=f"v1,AAAA {KNOWN}")
    assert verify_webhook(several, BODY, SECRET, now_s=STAMP) == ID


@pytest.mark.parametrize(
    ("given", "body", "secret", "now_s"),
    [
        (headers(), BODY + b" ", SECRET, STAMP),
        (headers(Webhook_Id="msg_other"), BODY, SECRET, STAMP),
        (headers(Webhook_Timestamp=str(STAMP + 1)), BODY, SECRET, STAMP),
        (headers(), BODY, "whsec_" + "A" * 32, STAMP),
        (headers(), BODY, SECRET, STAMP + 301),
        (headers(), BODY, SECRET, STAMP - 301),
        (headers(Webhook_Signature=""), BODY, SECRET, STAMP),
        (headers(Webhook_Signature=KNOWN.removeprefix("v1,")), BODY, SECRET, STAMP),
        (headers(Webhook_Timestamp="soon"), BODY, SECRET, STAMP),
        ({}, BODY, SECRET, STAMP),
    ],
)
def test_nothing_else_is_confirmed(given: dict[str, str], body: bytes, secret: str, now_s: float) -> None:
    with pytest.raises(UsageError) as caught:
        verify_webhook(given, body, secret, now_s=now_s)
    assert caught.value.code == "webhook-unconfirmed"


def test_each_secret_is_another_one() -> None:
    assert webhooks.new_secret() != webhooks.new_secret()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "nonsense!"])
def test_a_secret_that_was_forgotten_confirms_nothing(secret: str) -> None:
    with pytest.raises(UsageError) as raised:
        verify_webhook({"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"}, b"", secret, now_s=1)
    assert raised.value.code == "webhook-secret"


@pytest.mark.parametrize(
    "given",
    [
        {"webhook-timestamp": "9" * 5000}, {"webhook-timestamp": "1" * 400}, {"webhook-timestamp": "\u0661"},
        {"webhook-signature": "v1,\udc80"}, {"webhook-id": "\udc80"},
    ],
)  # fmt: skip
def test_what_no_header_can_hold_is_refused_like_a_wrong_signature(given: dict[str, str]) -> None:
    headers = {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"} | given
    with pytest.raises(UsageError) as raised:
        verify_webhook(headers, b"", webhooks.new_secret(), now_s=1)
    assert raised.value.code == "webhook-unconfirmed"
