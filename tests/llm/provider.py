"""A provider that speaks the OpenAI chat-completions protocol and behaves as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Provider:
    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = 200
        self.content: str | None = "{}"
        self.body: str | None = None
        """The whole body, instead of a completion with ``content``."""
        self.mode = "answer"
        """``answer``, ``hang`` (no byte) or ``drip`` (a byte now and then, for ever)."""
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def completion(self) -> str:
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": self.content}}
        return json.dumps(
            {
                "id": "c1",
                "object": "chat.completion",
                "created": 1,
                "model": "stub",
                "choices": [choice],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves otherwise
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/chat/completions"
                provider.keys.append(self.headers.get("Authorization", ""))
                provider.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if provider.mode == "hang":
                    provider.ended.wait(60)
                    self.close_connection = True
                    return
                body = (provider.completion() if provider.body is None else provider.body).encode()
                self.send_response(provider.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if provider.status == 429:
                    self.send_header("Retry-After", "20")
                self.end_headers()
                if provider.mode == "drip":
                    for byte in body:
                        if provider.ended.wait(0.1):
                            break
                        try:
                            self.wfile.write(bytes([byte]))
                        except OSError:
                            break
                    self.close_connection = True
                    return
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def provider() -> Iterator[Provider]:
    running = Provider()
    try:
        yield running
    finally:
        running.close()
