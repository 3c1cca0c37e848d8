"""A log store that checks the published protocol of Loki's push API, strictly: what it takes, a real one takes.

https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs and the limits of its configuration.
"""

import gzip
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WEEK = 7 * 24 * 3600 * 1_000_000_000
AHEAD = 10 * 60 * 1_000_000_000
MOST = 4 * 1024 * 1024
LONGEST = 256 * 1024
STREAMS = 200


class LokiServer:
    """``script`` answers instead of the store, in order: status, headers, body. ``down``: it hangs up."""

    def __init__(self, now: Callable[[], int], *, token: str = "", tenant: str = "") -> None:
        self.now, self.token, self.tenant = now, token, tenant
        self.lines: list[tuple[dict[str, str], int, str]] = []
        self.newest: dict[str, int] = {}
        self.known: set[tuple[str, int, str]] = set()
        self.doubles = 0
        self.requests: list[dict[str, str]] = []
        self.refused: list[str] = []
        self.script: list[tuple[int, dict[str, str], bytes]] = []
        self.down = False
        self._changed = threading.Condition()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if server.down:
                    self.close_connection = True
                    return
                status, headers, answer = server.answer(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(b"" if status == 204 else answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join(10)
        self._http.server_close()

    def wait(self, enough: Callable[[], bool], seconds: float = 20) -> bool:
        with self._changed:
            return self._changed.wait_for(enough, seconds)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self._changed:
            self.requests.append(headers)
            self._changed.notify_all()
            if self.script:
                return self.script.pop(0)
            wrong, status = self._wrong(path, headers, body)
            if wrong:
                self.refused.append(wrong)
                return status, {}, wrong.encode()
            return 204, {}, b""

    def _wrong(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, int]:  # noqa: C901, PLR0911 - a list of rules
        if path != "/loki/api/v1/push":
            return f"no such path {path}", 404
        if self.token and headers.get("Authorization") != f"Bearer {self.token}":
            return "no credentials", 401
        if self.tenant and headers.get("X-Scope-OrgID") != self.tenant:
            return "no org id", 401
        if headers.get("Content-Type") != "application/json" or headers.get("Content-Encoding") != "gzip":
            return "this test wants compressed JSON", 415
        plain = gzip.decompress(body)
        if len(plain) > MOST:
            return "request too large", 413
        whole = json.loads(plain)
        assert set(whole) == {"streams"}
        for stream in whole["streams"]:
            if wrong := self._stream(stream):
                return wrong, 400
        for stream in whole["streams"]:
            key = json.dumps(stream["stream"], sort_keys=True)
            for at, text in stream["values"]:
                if (key, int(at), text) in self.known:
                    self.doubles += 1
                    continue
                self.known.add((key, int(at), text))
                self.newest[key] = int(at)
                self.lines.append((stream["stream"], int(at), text))
        return "", 0

    def _stream(self, stream: dict[str, Any]) -> str:  # noqa: C901, PLR0911 - as above
        labels, values = stream["stream"], stream["values"]
        if not labels or not all(isinstance(value, str) and name.isidentifier() for name, value in labels.items()):
            return "labels are names with strings"
        if len(labels) > 15:
            return "more than 15 labels"
        key = json.dumps(labels, sort_keys=True)
        if key not in self.newest and len(self.newest) >= STREAMS:
            return "too many streams"
        last = self.newest.get(key, 0)
        for at, text in values:
            if not (isinstance(at, str) and at.isdigit() and isinstance(text, str)):
                return "a value is a string of nanoseconds and a line"
            if (key, int(at), text) in self.known:
                continue  # the same moment and text: kept once, and no error
            if int(at) < last:
                return f"entry out of order for stream {key}"
            if int(at) < self.now() - WEEK:
                return "greater_than_max_sample_age"
            if int(at) > self.now() + AHEAD:
                return "too far in the future"
            if len(text.encode()) > LONGEST:
                return "line too long"
            last = int(at)
        return ""
