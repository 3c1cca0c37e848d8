"""A Bot API to test against: real HTTP, the published shapes of the methods we use, and every way in which it fails."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "123456:AA-token-of-the-test-server-0123456789"
GROUP, DIRECT = -100200300, 400500

PARAMETERS: dict[str, dict[str, bool]] = {
    "getMe": {},
    "getChat": {"chat_id": True},
    "sendMessage": {
        "chat_id": True,
        "text": True,
        "disable_notification": False,
        "parse_mode": False,
        "reply_markup": False,
        "link_preview_options": False,
        "reply_parameters": False,
        "entities": False,
        "protect_content": False,
        "message_thread_id": False,
    },
}
"""Method: parameter: whether it is required, as published for Bot API 9."""


@dataclass
class Telegram:
    """The server's state. ``faults`` are taken one per request to ``sendMessage``, in order.

    A fault is a status with its description, ``429:SECONDS``, ``drop`` (the connection, before anything was done), ``hang``, or
    ``garbage``.
    """

    port: int = 0
    faults: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    new: threading.Condition = field(default_factory=threading.Condition)

    @property
    def api(self) -> str:
        """What ``telegram.api`` is set to."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self, count: int, seconds: float = 20) -> list[dict[str, Any]]:
        """Until so many messages have arrived."""
        with self.new:
            self.new.wait_for(lambda: len(self.sent) >= count, seconds)
        return list(self.sent)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        """Answer one method."""
        server: Telegram = self.server.telegram  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, token, method = self.path.split("/", 2)
        server.asked.append(method)
        given = _given(body, self.headers.get("Content-Type", ""))
        if token != f"bot{TOKEN}":
            self._say(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
            return
        if method not in PARAMETERS:
            self._say(404, {"ok": False, "error_code": 404, "description": "Not Found"})
            return
        if method == "sendMessage" and server.faults:
            fault = server.faults.pop(0)
            if self._fails(fault, server):
                return
        wrong = set(given) - set(PARAMETERS[method])
        missing = [name for name, required in PARAMETERS[method].items() if required and not given.get(name)]
        if wrong or missing:
            self._bad(f"wrong parameters {sorted(wrong)}, missing {missing}")
            return
        {"getMe": self._me, "getChat": self._chat, "sendMessage": self._send}[method](given, server)

    def _fails(self, fault: str, server: Telegram) -> bool:
        if fault == "ok":
            return False
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "hang":
            server.over.wait(60)
        elif fault == "garbage":
            self._raw(200, b"<html>a proxy's page</html>")
        elif fault.startswith("429:"):
            seconds = int(fault[4:])
            self._say(
                429,
                {
                    "ok": False,
                    "error_code": 429,
                    "description": f"Too Many Requests: retry after {seconds}",
                    "parameters": {"retry_after": seconds},
                },
            )
        else:
            code, _, description = fault.partition(" ")
            self._say(int(code), {"ok": False, "error_code": int(code), "description": description})
        return True

    def _me(self, _: dict[str, Any], __: Telegram) -> None:
        self._good({"id": 123456, "is_bot": True, "first_name": "hermes", "username": "hermes_bot"})

    def _chat(self, given: dict[str, Any], _: Telegram) -> None:
        chat = _chat(given)
        if chat is None:
            self._bad("chat not found")
            return
        self._good({**chat, "accent_color_id": 1, "max_reaction_count": 1, "accepted_gift_types": _GIFTS})

    def _send(self, given: dict[str, Any], server: Telegram) -> None:
        chat = _chat(given)
        if chat is None:
            self._bad("chat not found")
        elif len(given["text"]) > 4096:
            self._bad("message is too long")
        else:
            with server.new:
                server.sent.append(given)
                number = len(server.sent)
                server.new.notify_all()
            self._good({"message_id": number, "date": int(time.time()), "chat": chat, "text": given["text"]})

    def _good(self, result: Any) -> None:
        self._say(200, {"ok": True, "result": result})

    def _bad(self, why: str) -> None:
        self._say(400, {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"})

    def _say(self, status: int, answer: Any) -> None:
        self._raw(status, json.dumps(answer).encode())

    def _raw(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


def _given(body: bytes, kind: str) -> dict[str, Any]:
    if kind.startswith("application/json"):
        return dict(json.loads(body or b"{}"))
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _chat(given: dict[str, Any]) -> dict[str, Any] | None:
    number = int(given["chat_id"])
    if number == GROUP:
        return {"id": GROUP, "type": "supergroup", "title": "operations"}
    return {"id": DIRECT, "type": "private", "first_name": "Marie"} if number == DIRECT else None


@contextmanager
def running() -> Iterator[Telegram]:
    """A server for the length of a test."""
    state = Telegram()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Request)
    server.daemon_threads = True
    server.telegram = state  # type: ignore[attr-defined]
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
