"""Cloudflare's KV for tests, over real HTTP: a token, values that are read back as they were put, and troubles on demand."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT, NAMESPACE, TOKEN = "0a1b", "2c3d", "kv-test-token"


class Kv:
    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/client/v4"

    def json(self, key: str) -> Any:
        return json.loads(self.values[key])

    def refuses(self, shown: str, there: bool) -> int:  # noqa: FBT001 - a server's own question
        if self.status != 200:
            return self.status
        if shown != f"Bearer {TOKEN}":
            return 403
        return 200 if there else 404

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(kv: Kv) -> type[BaseHTTPRequestHandler]:
    folder = f"/client/v4/accounts/{ACCOUNT}/storage/kv/namespaces/{NAMESPACE}/values/"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self._key()
            if key is not None:
                known = kv.values.get(key)
                self._say(200 if known is not None else 404, known or b'{"success": false}')

        def do_PUT(self) -> None:
            key = self._key()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if key is not None:
                kv.values[key] = body
                self._say(200, b'{"success": true, "errors": [], "messages": [], "result": null}')

        def _key(self) -> str | None:
            kv.asked.append((self.command, self.path))
            status = kv.refuses(self.headers.get("Authorization", ""), self.path.startswith(folder))
            if status == 200:
                return self.path.removeprefix(folder)
            self._say(status, b'{"success": false}')
            return None

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    return Handler
