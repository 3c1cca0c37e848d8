"""Fetches a page of a stranger, and goes nowhere else: not into our own network, not for long, not for much.

Each address, and each one it redirects to, is resolved once, checked, and connected to by that very number, so that a name which
resolves to another number a moment later gains nothing. TLS is checked against the name as usual.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from aiops.errors import BusError, RefusedError, SettingsError

_PIECE: Final = 32 * 1024
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_OK, _LATER, _SERVER = 200, 429, 500

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""NAT64 (RFC 6052, RFC 8215): behind these lies an IPv4 address, which may be one of ours."""
Resolve = Callable[[str, int], Sequence[str]]


def resolve(name: str, port: int) -> Sequence[str]:
    """Every number of the name, in the order in which the system would try them."""
    return [str(row[4][0]) for row in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of the settings.

    :raises SettingsError: one of them is none
    """
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise SettingsError("feeds.private", str(error)) from None


@dataclass(frozen=True)
class SafeFetch:
    """``private`` are networks of our own that may be gone to all the same. ``seconds`` and ``most`` bytes are for the whole."""

    seconds: float = 15.0
    most: int = 2_000_000
    redirects: int = 3
    private: Sequence[Network] = ()
    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def get(self, url: str) -> bytes:
        """The content.

        :raises RefusedError: ``address`` when it, or one it redirects to, is not one we go to; ``redirects``, ``size``
        :raises SettingsError: the server says for good that there is none
        :raises BusError: it does not answer now, or not in time
        """
        end = time.monotonic() + self.seconds
        here = url
        for _ in range(self.redirects + 1):
            status, content = self._one(here, end)
            if status not in _MOVED:
                return _checked(here, status, content)
            try:
                here = urljoin(here, content.decode("latin-1"))
            except ValueError:
                raise RefusedError("address", f"{_named(here)} redirects to what is no address") from None
        raise RefusedError("redirects", f"{_named(url)} redirects more than {self.redirects} times")

    def _one(self, url: str, end: float) -> tuple[int, bytes]:
        """The status and the content; of a redirect, where it leads to."""
        parts, port = _parts(url)
        number = self._number(parts.hostname or "", port)
        left = end - time.monotonic()
        if left <= 0:
            raise BusError(_named(url), f"no whole answer within {self.seconds:g} s")
        over = threading.Event()
        connection = HTTPConnection(parts.hostname or "", port, timeout=left)
        timer = threading.Timer(left, over.set)
        try:
            line = socket.create_connection((number, port), timeout=left)
            # Each read has its own limit in the standard library, so a server that drips would hold us for ever.
            timer = threading.Timer(max(0.01, end - time.monotonic()), _hang_up, args=(line, over))
            timer.daemon = True
            timer.start()
            if parts.scheme == "https":
                line = self.tls.wrap_socket(line, server_hostname=parts.hostname)
            connection.sock = line
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            kinds = "application/rss+xml, application/atom+xml, application/xml, text/xml, */*;q=0.1"
            connection.request("GET", path, headers={"User-Agent": "aiops", "Accept": kinds})
            answer = connection.getresponse()
            if answer.status in _MOVED:
                return answer.status, (answer.getheader("Location") or "").encode("latin-1", "replace")
            content = self._content(url, answer)
        except ssl.SSLCertVerificationError as error:
            raise SettingsError(_named(url), f"its certificate is not valid: {error.verify_message}") from None
        except (OSError, HTTPException, ValueError) as error:
            late = over.is_set() or isinstance(error, TimeoutError)
            why = f"no whole answer within {self.seconds:g} s" if late else str(error) or type(error).__name__
            raise BusError(_named(url), why) from None
        finally:
            timer.cancel()
            connection.close()
        if over.is_set():
            raise BusError(_named(url), f"no whole answer within {self.seconds:g} s")
        return answer.status, content

    def _number(self, name: str, port: int) -> str:
        try:
            numbers = self.resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise BusError(name, f"its name cannot be resolved: {error}") from None
        # One that must not be gone to among several is an attack or a mistake: none of them is tried.
        for number in numbers:
            if not self._may(ipaddress.ip_address(number.partition("%")[0])):
                raise RefusedError("address", f"{name} is {number}, which is not an address of the public internet")
        if not numbers:
            raise BusError(name, "its name has no address")
        return numbers[0]

    def _may(self, number: Address) -> bool:
        if isinstance(number, ipaddress.IPv6Address):
            if any(number in network for network in _TRANSLATED):
                return False
            inner = number.ipv4_mapped or number.sixtofour or (number.teredo or (None, None))[1]
            if inner is not None and not self._may(inner):
                return False
        if any(number in network for network in self.private):
            return True
        return number.is_global and not number.is_multicast

    def _content(self, url: str, answer: HTTPResponse) -> bytes:
        whole = bytearray()
        while piece := answer.read(_PIECE):
            whole += piece
            if len(whole) > self.most:
                raise RefusedError("size", f"{_named(url)} is larger than {self.most} bytes")
        return bytes(whole)


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise RefusedError("address", "it is no address") from None
    clean = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or not clean:
        raise RefusedError("address", f"{_named(url)} is no http or https address without user name")
    return parts, port


def _checked(url: str, status: int, content: bytes) -> bytes:
    if status == _OK:
        return content
    if status >= _SERVER or status == _LATER:
        raise BusError(_named(url), f"it answers {status}")
    raise SettingsError(_named(url), f"it answers {status}")


def _named(url: str) -> str:
    """The address without what may be a secret in it."""
    return url.partition("?")[0].rpartition("@")[2][:160]


def _hang_up(line: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):  # it was closed in this very moment
        line.shutdown(socket.SHUT_RDWR)
