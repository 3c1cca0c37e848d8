"""A small HTTP server for webhooks: who may send, how much, for how long, and never the same twice. Standard library alone.

It knows no ledger and no step: what passes is handed to ``take``. What that cannot hand on is answered with 503: the sender tries
again.
"""

import hmac
import json
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiops.adapters.bounded_http import BoundedServer, OneRequest
from aiops.adapters.signed_post import SIGNATURE, TIME, signature
from aiops.errors import AiopsError, RefusedError, SettingsError

GRAFANA: Final = "X-Grafana-Alerting-Signature"
"""Grafana's own name for it; its webhook's timestamp header is to be set to ours."""
_REMEMBERED: Final = 20_000
_PATH: Final = re.compile(r"/hook/([a-z0-9][a-z0-9_-]{0,31})")
_HEX: Final = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger(__name__)

Take = Callable[[str, str, bytes], dict[str, Any]]
"""From a source's name, its form and the body to the answer.

:raises RefusedError: it is not taken, and sending it again gives the same
:raises TransientError: it cannot be handed on now
"""


@dataclass(frozen=True)
class Sender:
    """One who may send: what is ``accepted`` is read for each request, so that a new one needs no restart; any of them opens."""

    form: str
    accepted: Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class Bounds:
    """How much is read, in bytes; how long it may take and how old a signature may be, in seconds."""

    most: int = 256_000
    seconds: float = 10.0
    skew: float = 300.0


class Replays(Protocol):
    """Signatures of what was handed on, over restarts. Moments are seconds of Unix time.

    :raises LedgerBusyError: from any method, when it cannot be read or written now
    """

    def known(self, signature: str) -> bool:
        """Whether a message with it was handed on."""

    def keep(self, signature: str, at: float, forget_before: float) -> None:
        """Remember it, and forget those from before ``forget_before``."""


@dataclass
class Gate:
    """Who is let in. Everything is compared in constant time; what was handed on once by its signature is not let in again.

    A signature is held in memory while its message is on the way, and in ``replays`` once it was handed on: what was lost on
    the way may come again, what was not may not, however often this process is restarted.
    """

    senders: dict[str, Sender]
    bounds: Bounds
    replays: Replays
    clock: Callable[[], float] = time.time
    _seen: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, name: str, headers: Any, body: bytes) -> Sender:
        """The sender.

        :raises RefusedError: ``sender``, ``time`` or ``replay``
        """
        sender = self.senders.get(name)
        if sender is None:
            raise RefusedError("sender", "nobody of that name may send")
        if sender.form == "alertmanager":
            self._by_token(sender, str(headers.get("Authorization", "")))
        else:
            self._by_signature(sender, headers, body)
        return sender

    def _by_token(self, sender: Sender, shown: str) -> None:
        if not _any(hmac.compare_digest(shown.encode(), f"Bearer {key}".encode()) for key in sender.accepted()):
            raise RefusedError("sender", "the token is not the right one")

    def _by_signature(self, sender: Sender, headers: Any, body: bytes) -> None:
        moment = str(headers.get(TIME, ""))
        shown = _shown(sender, headers)
        right = [signature(key, moment, body) for key in sender.accepted()]
        if not _HEX.fullmatch(shown) or not _any(hmac.compare_digest(shown, one) for one in right):
            raise RefusedError("sender", "the signature is not the right one")
        now = self.clock()
        if not moment.isdigit() or len(moment) > 12 or abs(now - int(moment)) > self.bounds.skew:  # noqa: PLR2004 - seconds of Unix time for 30,000 years
            raise RefusedError("time", f"it was signed more than {self.bounds.skew:g} s ago, or in the future")
        with self._lock:
            while self._seen and (
                len(self._seen) > _REMEMBERED or now - next(iter(self._seen.values())) > 2 * self.bounds.skew
            ):
                self._seen.popitem(last=False)
            if shown in self._seen or self.replays.known(shown):
                raise RefusedError("replay", "it has come before")
            self._seen[shown] = now

    def keep(self, sender: Sender, headers: Any) -> None:
        """It was handed on: not again, not after a restart either.

        :raises LedgerBusyError: it cannot be written now; until a restart it is remembered all the same
        """
        if sender.form != "alertmanager":
            now = self.clock()
            self.replays.keep(_shown(sender, headers), now, now - 2 * self.bounds.skew)

    def forget(self, sender: Sender, headers: Any) -> None:
        """What could not be handed on may come again with the same signature."""
        with self._lock:
            self._seen.pop(_shown(sender, headers), None)


def _any(compared: Iterable[bool]) -> bool:
    """All are compared, whichever holds: how long it takes tells nobody which one it was."""
    return max(list(compared), default=False)


def _shown(sender: Sender, headers: Any) -> str:
    return str(headers.get(GRAFANA if sender.form == "grafana" else SIGNATURE, "")).lower()


class _Answer(Exception):  # noqa: N818 - an answer that ends the work on a request early
    """The status and what is said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Door:
    """One request from its head to its answer."""

    gate: Gate
    take: Take

    def answer(self, path: str, headers: Any, read: Callable[[int], bytes]) -> tuple[int, dict[str, Any]]:
        """The status and the body. Nothing is read before it is known how much, and nothing is parsed before it is known who."""
        try:
            name = self._name(path)
            body = self._body(headers, read)
            return 200, self._taken(name, self._sender(name, headers, body), headers, body)
        except _Answer as answer:
            log.warning("a message for %s was answered %d: %s", path[:60].encode(), answer.status, answer.text)
            return answer.status, {"error": answer.text}

    def _name(self, path: str) -> str:
        found = _PATH.fullmatch(path)
        if found is None:
            raise _Answer(404, "there is no such hook")
        return found[1]

    def _body(self, headers: Any, read: Callable[[int], bytes]) -> bytes:
        length = headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or headers.get("Transfer-Encoding"):
            raise _Answer(411, "say how long it is")
        if len(length) > 10 or int(length) > self.gate.bounds.most:  # noqa: PLR2004 - ten digits are beyond every limit
            raise _Answer(413, f"more than {self.gate.bounds.most} bytes")
        body = read(int(length))
        if len(body) < int(length):
            raise _Answer(400, "it ended early")
        return body

    def _sender(self, name: str, headers: Any, body: bytes) -> Sender:
        try:
            return self.gate.admits(name, headers, body)
        except RefusedError as refusal:
            # Whoever is not known learns nothing: neither whether there is such a source, nor what was wrong.
            raise _Answer(401, "who are you?" if refusal.reason == "sender" else refusal.text) from None
        except AiopsError as error:
            log.warning("who %s is cannot be checked: %s", name, error)
            raise _Answer(503, "who you are cannot be checked now") from None

    def _taken(self, name: str, sender: Sender, headers: Any, body: bytes) -> dict[str, Any]:
        try:
            said = self.take(name, sender.form, body)
        except RefusedError as refusal:
            raise _Answer(422, refusal.text) from None
        except AiopsError as error:
            self.gate.forget(sender, headers)
            log.warning("a message of %s could not be handed on: %s", name, error)
            raise _Answer(503, "try again") from None
        try:
            self.gate.keep(sender, headers)
        except AiopsError as error:
            log.warning("a message of %s was handed on, but a restart will not remember that: %s", name, error)
        return said


class IngestServer:
    """Listens on one address; ``start`` returns at once."""

    def __init__(self, address: tuple[str, int], gate: Gate, take: Take) -> None:
        """:raises SettingsError: nobody can listen there."""
        try:
            self._server = BoundedServer(address, _requests(Door(gate, take)))
        except OSError as error:
            raise SettingsError("ingest.listen", f"{address[0]}:{address[1]}: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="ingest", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _requests(door: Door) -> type[OneRequest]:
    class Request(OneRequest):
        timeout = door.gate.bounds.seconds

        def do_POST(self) -> None:  # noqa: N802 - the standard library's name
            """The only method there is."""
            status, said = door.answer(self.path, self.headers, self.rfile.read)
            self.reply(status, "application/json", json.dumps(said).encode())

    return Request
