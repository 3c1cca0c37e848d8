"""Services over HTTP as their makers published them, on a real socket, with troubles on demand before they answer."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "the-token-of-a-contract-test"


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Answer = tuple[int, bytes]


@dataclass
class Service:
    """``troubles`` are taken one per request, in order: a status, ``429:SECONDS``, ``drop``, ``hang``, ``half``, ``html``."""

    answers: Callable[[Asked], Answer]
    refusal: Callable[[int], bytes]
    troubles: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""


def _speaker(service: Service) -> type[BaseHTTPRequestHandler]:
    class Speaker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): text for name, text in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            service.asked.append(asked)
            trouble = service.troubles.pop(0) if service.troubles else ""
            if trouble == "drop":
                self.close_connection = True
            elif trouble == "hang":
                service.over.wait(60)
            else:
                self.say(trouble, asked)

        def do_PUT(self) -> None:
            self.do_GET()

        def say(self, trouble: str, asked: Asked) -> None:
            status, body = service.answers(asked)
            number, _, seconds = trouble.partition(":")
            if number.isdigit():
                status, body = int(number), service.refusal(int(number))
            if trouble == "html":
                body = b"<html>Please log in</html>"
            self.send_response(status)
            if seconds:
                self.send_header("Retry-After", seconds)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if trouble == "half" else body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    return Speaker


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """The service on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _speaker(service))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        service.over.set()
        server.shutdown()
        server.server_close()


def repository(name: str, **more: Any) -> dict[str, Any]:
    """The fields of Forgejo's ``Repository`` that we read, and some that we do not."""
    shown = {"id": 1, "full_name": name, "mirror": False, "fork": False, "empty": False, "private": True}
    return shown | {"updated_at": "2026-11-22T18:03:00+01:00", "default_branch": "main"} | more


def commit(created: str) -> dict[str, Any]:
    """Forgejo's ``Commit``."""
    return {"sha": "0" * 40, "created": created, "commit": {"message": "a change"}, "parents": []}


@dataclass
class Forgejo:
    """Its REST API: repositories of the token's user, and commits of each, in pages of at most ``allowed``."""

    repositories: list[dict[str, Any]]
    commits: Mapping[str, list[dict[str, Any]]]
    allowed: int = 50

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"token {TOKEN}":
            return 401, forgejo_refusal(401)
        if asked.path == "/api/v1/user/repos":
            return 200, self._page(self.repositories, asked)
        name = asked.path.removeprefix("/api/v1/repos/").removesuffix("/commits")
        if name not in self.commits:
            return 404, forgejo_refusal(404)
        if not self.commits[name]:
            return 409, forgejo_refusal(409)
        return 200, self._page(self.commits[name], asked)

    def _page(self, rows: list[dict[str, Any]], asked: Asked) -> bytes:
        size = min(int(asked.query.get("limit", "30")), self.allowed)
        begin = (int(asked.query.get("page", "1")) - 1) * size
        return json.dumps(rows[begin : begin + size]).encode()


def forgejo_refusal(status: int) -> bytes:
    """Its ``APIError``."""
    return json.dumps({"message": f"no: {status}", "url": "https://git.example.org/api/swagger"}).encode()


@dataclass
class CloudflareKv:
    """A KV namespace: values as they were put, and the envelope that every answer without a value has."""

    folder: str
    values: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, cloudflare_refusal(403)
        key = asked.path.removeprefix(f"{self.folder}/")
        if asked.method == "PUT":
            self.values[key] = asked.body
            return 200, json.dumps({"success": True, "errors": [], "messages": [], "result": None}).encode()
        return (200, self.values[key]) if key in self.values else (404, cloudflare_refusal(404))


def cloudflare_refusal(status: int) -> bytes:
    """Its envelope of an error."""
    error = {"code": 10_000 + status, "message": f"no: {status}"}
    return json.dumps({"success": False, "errors": [error], "messages": [], "result": None}).encode()


@dataclass
class NetBox:
    """Its lists: ``count``, ``next``, ``previous``, ``results``."""

    devices: list[dict[str, Any]]

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Token {TOKEN}":
            return 403, netbox_refusal(403)
        rows = self.devices if asked.path == "/api/dcim/devices/" else []
        begin, size = int(asked.query.get("offset", "0")), int(asked.query.get("limit", "50"))
        more = begin + size < len(rows)
        page = {"count": len(rows), "next": "http://elsewhere.example.org/" if more else None, "previous": None}
        return 200, json.dumps(page | {"results": rows[begin : begin + size]}).encode()


def netbox_refusal(status: int) -> bytes:
    """As Django REST framework says it."""
    return json.dumps({"detail": f"no: {status}"}).encode()
