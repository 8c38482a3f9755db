"""Whom webhooks may reach, and whom not."""

from __future__ import annotations

import pytest

from transcoder.errors import UsageError
from transcoder.jobs.posting import Allowed, NotReached, post

HOSTS = Allowed.of("cms.example, records.example:8443, http://10.1.2.3:9000", "10.20.0.0/16, fd00:20::/32")


@pytest.mark.parametrize(
    "url",
    [
        "https://cms.example/a?b=c", "https://CMS.example", "https://cms.example.:443/", "https://records.example:8443/x",
        "http://10.1.2.3:9000/",
    ],
)  # fmt: skip
def test_named_hosts_may_be_told(url: str) -> None:
    assert HOSTS.check(url).target.startswith("/")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://evil.example/", "webhook-host"),
        ("https://cms.example:444/", "webhook-host"),
        ("http://cms.example/", "webhook-host"),
        ("https://cms.example.evil.example/", "webhook-host"),
        ("https://cms.example@evil.example/", "webhook-url"),
        ("https://user:secret@cms.example/", "webhook-url"),
        ("file:///etc/passwd", "webhook-url"),
        ("gopher://cms.example/", "webhook-url"),
        ("https://cms.example/#x", "webhook-url"),
        ("https://cms.example/a b", "webhook-url"),
        ("https://cms.example/a\r\nHost: evil", "webhook-url"),
        ("https://[cms.example/", "webhook-url"),
        ("https://cms.example:99999/", "webhook-url"),
        ("cms.example", "webhook-url"),
        ("", "webhook-url"),
    ],
)
def test_nobody_else_may(url: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        HOSTS.check(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("10.20.7.8", True), ("fd00:20::5", True),
        ("10.21.0.1", False), ("127.0.0.1", False), ("::1", False), ("169.254.169.254", False), ("0.0.0.0", False),
        ("192.168.1.1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.20.0.1", True), ("fe80::1", False),
        ("224.0.0.1", False), ("100.64.0.1", False), ("fd01::1", False),
    ],
)  # fmt: skip
def test_addresses_that_a_named_host_may_be_at(address: str, *, reached: bool) -> None:
    assert HOSTS.reaches("cms.example", address) is reached


def test_a_host_that_is_also_at_a_forbidden_address_is_not_asked() -> None:
    with pytest.raises(NotReached, match="must not be asked"):
        post(HOSTS.check("https://cms.example/"), HOSTS, {}, b"{}", resolver=lambda *_: ["93.184.216.34", "127.0.0.1"])


def test_settings_that_cannot_be_read() -> None:
    for hosts, networks in (("https://", ""), ("ftp://a", ""), ("a", "10.0.0.0/99")):
        with pytest.raises(UsageError) as caught:
            Allowed.of(hosts, networks)
        assert caught.value.code == "usage"
    assert not Allowed.of("", "")
