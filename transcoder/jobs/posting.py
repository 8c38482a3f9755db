"""Requests to receivers of webhooks: only to hosts that the operator named, and only to where those truly are.

The address is looked up once, checked, and connected to: a name that points elsewhere a moment later leads nowhere.
Redirects are answers like any other, proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from transcoder.errors import UsageError

TIMEOUT_S = 15.0
"""For all of one request, however slowly its answer drips."""
_PORTS = {"https": 443, "http": 80}
_READ_BYTES = 4096
_AS_WRITTEN = "%/?:@!$&'()*+,;=~"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]


class NotReached(Exception):
    """Nobody answered, or nobody may be asked; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, in ASCII."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whom the operator lets the service talk to.

    :ivar places: scheme, host and port.
    :ivar networks: private networks that named hosts may be in.
    """

    places: frozenset[tuple[str, str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, hosts: str, networks: str) -> Allowed:
        """From settings: ``host``, ``host:port`` (https) or ``http://host:port``, with commas; networks as CIDR.

        :raises UsageError: where one cannot be read.
        """
        places = set()
        for item in filter(None, (part.strip() for part in hosts.split(","))):
            found = place_of(item if "://" in item else f"https://{item}", setting=True)
            places.add((found.scheme, found.host, found.port))
        try:
            nets = tuple(ipaddress.ip_network(part.strip()) for part in networks.split(",") if part.strip())
        except ValueError as error:
            raise UsageError(str(error), where="TRANSCODER_WEBHOOK_NETWORKS", code="usage") from None
        return cls(frozenset(places), nets)

    def __bool__(self) -> bool:
        return bool(self.places)

    def check(self, url: str) -> Place:
        """Where it leads, if it may.

        :raises UsageError: where it may not (``webhook-host``).
        """
        found = place_of(url)
        if (found.scheme, found.host, found.port) not in self.places:
            raise UsageError(
                "the operator of this service has not allowed this host", where=f"{found.scheme}://{found.host}:{found.port}",
                hint="TRANSCODER_WEBHOOK_HOSTS names those that are", code="webhook-host",
            )  # fmt: skip
        return found

    def reaches(self, host: str, address: str) -> bool:
        """Whether a host that was named may be at this address: anywhere public, or where the operator said."""
        found = ipaddress.ip_address(address)
        found = getattr(found, "ipv4_mapped", None) or found
        if host == address or any(found in network for network in self.networks):
            return True  # named by its very address, or within a named network
        return found.is_global and not found.is_multicast


def place_of(url: str, *, setting: bool = False) -> Place:
    """The parts of a URL.

    :raises UsageError: where it is none that a webhook can have (``webhook-url``).
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host.encode("idna").decode() if not host.isascii() else host
    except (ValueError, UnicodeError):
        host, port, parts = "", None, urlsplit("")
    plain = not (parts.username or parts.password or parts.fragment) and url.isprintable() and " " not in url
    if parts.scheme not in _PORTS or not host or not plain or len(url) > 2000:
        raise UsageError(
            "a webhook's URL is https://host/path, without a user or a fragment", where=url[:120],
            code="usage" if setting else "webhook-url",
        )  # fmt: skip
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, host.lower(), port or _PORTS[parts.scheme], quote(target, safe=_AS_WRITTEN))


def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses of a host, as the system knows them."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def post(
    place: Place, allowed: Allowed, headers: Mapping[str, str], body: bytes, *, resolver: Resolve = resolve,
    context: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S,
) -> int:  # fmt: skip
    """Send one request; the status of its answer, whose body is not kept.

    :param context: for TLS; None means the system's authorities.
    :raises NotReached: where nobody may be asked, or answers.
    """
    try:
        addresses = resolver(place.host, place.port)
    except OSError as error:
        raise NotReached(f"the host is not known: {error.strerror or error}") from None
    if not addresses or not all(allowed.reaches(place.host, address) for address in addresses):
        raise NotReached("the host is at an address that must not be asked")
    connection = _Connection(place, addresses, timeout_s, context)
    overdue = threading.Timer(timeout_s, connection.cut)
    overdue.daemon = True
    overdue.start()
    try:
        connection.request("POST", place.target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(_READ_BYTES)
        if connection.was_cut:  # an answer that breaks off in its headers looks like one that ends there
            raise TimeoutError
        return answer.status
    except (OSError, ValueError, http.client.HTTPException) as error:
        if connection.was_cut:
            raise NotReached(f"no answer within {timeout_s:g} s") from None
        raise NotReached(f"{type(error).__name__}: {error}".splitlines()[0][:200]) from None
    finally:
        overdue.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """To the first of the addresses that were checked where somebody listens, under the name that was asked for."""

    def __init__(
        self, place: Place, addresses: Sequence[str], timeout_s: float, context: ssl.SSLContext | None
    ) -> None:  # fmt: skip
        super().__init__(place.host, place.port, timeout=timeout_s)
        self._addresses, self._until = addresses, time.monotonic() + timeout_s
        self._context = (context or ssl.create_default_context()) if place.scheme == "https" else None
        self.was_cut = False

    def connect(self) -> None:
        for number, address in enumerate(self._addresses, 1):
            left_s = self._until - time.monotonic()
            try:  # a silent address must leave time for those after it
                share_s = max(0.1, left_s / (len(self._addresses) - number + 1))
                self.sock = socket.create_connection((address, self.port), share_s)
                break
            except OSError:
                if number == len(self._addresses):
                    raise
        self.sock.settimeout(max(0.1, self._until - time.monotonic()))
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)  # in the time left, all of it
        if self.was_cut:  # while there was nothing yet to be cut
            raise TimeoutError

    def cut(self) -> None:
        """End it from another thread: each byte of an answer starts the socket's own clock anew."""
        self.was_cut = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


__all__ = ["Allowed", "NotReached", "Place", "place_of", "post", "resolve"]
