"""Reads JSON over HTTP with the standard library: strict certificates, no proxy, no redirection, a hard end.

Sources are only read; what is written to (``put``, ``post``) is named by its adapter.

One style for all. ``SettingsError``: asking again gives the same, a human has to look. ``BusError``: it does not answer now. What
may pass in a moment (a broken connection, 429, 502, 503, 504) is asked again by ``get``, ``find``, ``text`` and ``put``, which
change nothing the second time: twice, after the server's ``Retry-After`` or a short pause, and never beyond the end of the first.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from aiops.adapters.echoes import without_echo
from aiops.errors import BusError, SettingsError

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one answer: a week of sixty hosts' counts is a tenth of that."""
_PIECE: Final = 64 * 1024
NO_JSON: Final = "its answer is no JSON"
_SAID: Final = 160
_LEAST: Final = 0.05
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_OK, _NOT_OK, _ABSENT = 200, 300, 404
_PASSING: Final = frozenset({429, 502, 503, 504})
"""Too many requests; and a proxy or a service that starts: RFC 9110 calls these temporary, a plain 500 it does not."""
_PAUSES: Final = (0.25, 0.75)
"""Seconds before the second and the third try, where the server does not say how long: a service reloads in less."""
_DENIED: Final = {
    401: "the token is not accepted",
    403: "the token may not read that",
    404: "there is no such thing",
}

Parameters = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Reply:
    """One answer as it came. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class JsonApi:
    """One server. Safe to use from several threads: every request has a connection of its own.

    :raises SettingsError: the address is no http or https address, or the CA file holds no certificate
    """

    def __init__(
        self,
        name: str,
        url: str,
        headers: Callable[[], Mapping[str, str]] = dict,
        *,
        seconds: float = 10.0,
        ca_file: Path | None = None,
    ) -> None:
        """``headers`` are made anew for each request, so that a new token needs no restart. ``seconds`` is the end of each."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise SettingsError(f"{name}.url", f"{url!r} is no http or https address without user name")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        if self._tls and ca_file:
            try:
                self._tls.load_verify_locations(ca_file)
            except OSError as error:
                raise SettingsError(f"{name}.ca_file", f"{ca_file} holds no certificate: {error}") from error
        self.name, self.host = name, parts.hostname
        self._port, self._base = parts.port, parts.path.rstrip("/")
        self._headers, self._seconds = headers, seconds

    def get(self, path: str, **parameters: str | float) -> Any:
        """One answer.

        :raises SettingsError: the server refuses it (401, 403, 404 ...), or sends no JSON: asking again gives the same
        :raises BusError: it does not answer now
        """
        return self.parsed(path, self.ask(path, **parameters))

    def ask(self, path: str, **parameters: str | float) -> Reply:
        """One answer as it is, whatever its status says; asked for again where the trouble may pass.

        :raises BusError: it does not answer now
        :raises SettingsError: its certificate is not valid
        """
        return self._tried("GET", self._target(path, parameters))

    def text(self, path: str) -> str:
        """One answer that is no JSON.

        :raises SettingsError: the server refuses it
        :raises BusError: it does not answer now
        """
        return self.body(path, self.ask(path)).decode(errors="replace")

    def parsed(self, path: str, reply: Reply) -> Any:
        """The JSON of an answer.

        :raises SettingsError: the server refuses it, or sends no JSON
        :raises BusError: it does not answer now
        """
        try:
            return json.loads(self.body(path, reply))
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{self.name} {path}".strip(), NO_JSON) from error

    def body(self, path: str, reply: Reply) -> bytes:
        """The content of a good answer.

        :raises SettingsError: the server refuses it (401, 403, 404 ...)
        :raises BusError: it does not answer now
        """
        status, what = reply.status, f"{self.name} {path}".strip()
        if status >= 500 or status in (408, 429):  # noqa: PLR2004 - HTTP's own class
            later = retry_after(reply, time.time())
            asks = f"it asks us to wait for {later:.0f} s" if later else ""
            raise BusError(what, ", ".join(filter(None, (f"{status} {_plain(reply.content)}".strip(), asks))))
        if not _OK <= status < _NOT_OK:
            raise SettingsError(what, f"{status} {_DENIED.get(status, '')}: {_plain(reply.content)}".rstrip(": "))
        return reply.content

    def fetch(self, path: str, headers: Mapping[str, str], **parameters: str | float) -> Reply:
        """One answer as it is, whatever its status says; ``headers`` are sent besides the usual ones.

        :raises BusError: it does not answer now
        :raises SettingsError: its certificate is not valid
        """
        return self._ask("GET", self._target(path, parameters), headers)

    def find(self, path: str) -> Any:
        """One answer, or None where there is no such thing (404).

        :raises SettingsError: as ``get``
        :raises BusError: as ``get``
        """
        reply = self.ask(path)
        return None if reply.status == _ABSENT else self.parsed(path, reply)

    def put(self, path: str, value: Any) -> Any:
        """Write a value as JSON, and return the answer.

        :raises SettingsError: as ``get``
        :raises BusError: as ``get``
        """
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return self.parsed(path, self._tried("PUT", self._base + path, {"Content-Type": "application/json"}, body))

    def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Send content as it is; one answer, whatever its status says.

        :raises BusError: it does not answer now
        :raises SettingsError: its certificate is not valid
        """
        return self._ask("POST", self._base + path, headers, content)

    def _target(self, path: str, parameters: Parameters) -> str:
        return self._base + path + (f"?{urlencode(parameters)}" if parameters else "")

    def _tried(self, method: str, target: str, headers: Mapping[str, str] = _NONE, body: bytes | None = None) -> Reply:
        """One answer, asked for again where the trouble may pass before our own time is over."""
        end = time.monotonic() + self._seconds
        for pause in _PAUSES:
            left = end - time.monotonic()
            try:
                reply = self._ask(method, target, headers, body, left)
            except _TooMuchError:
                raise
            except BusError:
                wait = pause
                if end - time.monotonic() <= wait:
                    raise
            else:
                if reply.status not in _PASSING:
                    return reply
                wait = max(pause, retry_after(reply, time.time()))
                if end - time.monotonic() <= wait:
                    return reply
            time.sleep(wait)
        return self._ask(method, target, headers, body, end - time.monotonic())

    def _ask(
        self,
        method: str,
        target: str,
        more: Mapping[str, str] = _NONE,
        body: bytes | None = None,
        left: float | None = None,
    ) -> Reply:
        seconds = self._seconds if left is None else max(left, _LEAST)
        headers = {"Accept": "application/json", "User-Agent": "aiops", **self._headers(), **more}
        if self._tls:
            connection: HTTPConnection = HTTPSConnection(self.host, self._port, timeout=seconds, context=self._tls)
        else:
            connection = HTTPConnection(self.host, self._port, timeout=seconds)
        over = threading.Event()
        # Each read has its own limit in the standard library, so a server that drips would hold us for ever.
        end = threading.Timer(seconds, _hang_up, args=(connection, over))
        end.daemon = True
        end.start()
        try:
            connection.request(method, target or "/", body=body, headers=headers)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            reply = Reply(answer.status, said, without_echo(_content(answer), headers))
        except ssl.SSLCertVerificationError as error:
            raise SettingsError(self.name, f"its certificate is not valid: {error.verify_message}") from error
        except _LongError as error:
            raise _TooMuchError(self.name, str(error)) from error
        except (OSError, HTTPException) as error:
            late = over.is_set() or isinstance(error, TimeoutError)
            why = f"no answer within {self._seconds:g} s" if late else str(error) or type(error).__name__
            raise BusError(self.name, why) from error
        finally:
            end.cancel()
            connection.close()
        if over.is_set():
            raise BusError(self.name, f"no whole answer within {self._seconds:g} s")
        return reply


class _LongError(HTTPException):
    """An answer without end."""


class _TooMuchError(BusError):
    """Asking again would only bring as much again."""


def retry_after(reply: Reply, now: float) -> float:
    """Seconds that the server asks us to wait for (RFC 9110: a number, or a date); 0 where it does not say, or says nonsense."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0


class Enveloped:
    """The answers of an API that puts each into ``{"data": ...}``, as Proxmox does."""

    def __init__(self, inner: JsonApi) -> None:
        self._inner = inner

    def get(self, path: str, **parameters: str | float) -> Any:
        """See ``JsonApi.get``."""
        answer = self._inner.get(path, **parameters)
        if not isinstance(answer, dict) or "data" not in answer:
            raise SettingsError(f"{self._inner.name} {path}", "its answer has no data: is this the right address?")
        return answer["data"]


def _content(answer: HTTPResponse) -> bytes:
    whole = bytearray()
    while piece := answer.read(_PIECE):
        whole += piece
        if len(whole) > MOST_BYTES:
            raise _LongError(f"more than {MOST_BYTES} bytes")
    # With a size, the library takes a line that broke in the middle for the end.
    if answer.length:
        raise HTTPException(f"it broke off, {answer.length} bytes before its end")
    return bytes(whole)


def _plain(content: bytes) -> str:
    return " ".join(content.decode(errors="replace").split())[:_SAID]


def _hang_up(connection: HTTPConnection, over: threading.Event) -> None:
    over.set()
    if isinstance(connection.sock, socket.socket):
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was closed in this very moment
