"""A web server of strangers, on an address of its own, that misbehaves as it is told to."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FEEDS = Path(__file__).parent / "feeds"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Strangers:
    def __init__(self, address: str = "127.0.0.2") -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.server = ThreadingHTTPServer((address, 0), _handler(self))
        self.server.daemon_threads = True
        self.address, self.port = address, self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str = "/", name: str = "") -> str:
        return f"http://{name or self.address}:{self.port}{path}"

    def file(self, path: str, name: str) -> str:
        return self.content(path, (FEEDS / name).read_bytes())

    def content(self, path: str, content: bytes, status: int = 200, **headers: str) -> str:
        def answer(to: BaseHTTPRequestHandler) -> None:
            to.send_response(status)
            for header, value in headers.items():
                to.send_header(header, value)
            to.send_header("Content-Length", str(len(content)))
            to.end_headers()
            to.wfile.write(content)

        self.answers[path] = answer
        return self.url(path)

    def redirect(self, path: str, where: str, status: int = 302) -> str:
        return self.content(path, b"", status, Location=where)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(strangers: Strangers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            strangers.asked.append(self.path)
            answer = strangers.answers.get(self.path)
            try:
                answer(self) if answer else self.send_error(404)
            except OSError:
                self.close_connection = True  # hung up on: that is what some tests are about

        def log_message(self, *_: Any) -> None:
            return

    return Handler
