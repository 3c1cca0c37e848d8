"""Local providers, one per wire format, that answer or fail as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATHS = {
    "openai": "/v1",
    "minimax": "/v1",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "gemini": "/v1beta",
}
MODELS = {
    "openai": "openai/stub",
    "minimax": "minimax/MiniMax-M2.5",
    "groq": "groq/openai/gpt-oss-120b",
    "openrouter": "openrouter/vendor/model",
    "gemini": "gemini/gemini-2.5-flash",
}


class Provider:
    """``answering`` is given the prompt's text and returns the model's; without it ``content`` is returned."""

    def __init__(self, wire: str = "openai") -> None:
        self.wire = wire
        self.ended = threading.Event()
        self.reset()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}{PATHS[wire]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def reset(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = 200
        self.retry_after = "20"
        self.content: str | None = "{}"
        self.answering: Callable[[str], str] | None = None
        self.body: str | None = None
        """The whole body, instead of a completion with ``content``."""
        self.mode = "answer"
        """``answer``, ``hang`` (no byte) or ``drip`` (a byte now and then, for ever)."""

    @property
    def model(self) -> str:
        return MODELS[self.wire]

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def prompt(self, request: dict[str, Any]) -> str:
        """The text of the user's message."""
        if self.wire == "gemini":
            return "".join(part["text"] for part in request["contents"][-1]["parts"])
        text: str = request["messages"][-1]["content"]
        return text

    def completion(self, request: dict[str, Any]) -> str:
        content = self.answering(self.prompt(request)) if self.answering else self.content
        if self.wire == "gemini":
            return json.dumps(
                {
                    "candidates": [
                        {
                            "content": {"role": "model", "parts": [{"text": content or ""}]},
                            "finishReason": "STOP",
                            "index": 0,
                        }
                    ],
                    "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100},
                    "modelVersion": "gemini-2.5-flash",
                }
            )
        answer: dict[str, Any] = {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "stub",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}},
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        }
        if self.wire == "groq":
            answer["service_tier"] = "on_demand"
            answer["x_groq"] = {"id": "req_1"}
        if self.wire == "minimax":
            answer["base_resp"] = {"status_code": 0, "status_msg": ""}
        if self.wire == "openrouter":
            answer["provider"] = "Somebody"
        return json.dumps(answer)

    def _path_is_right(self, path: str) -> bool:
        if self.wire == "gemini":
            return path.partition("?")[0] == "/v1beta/models/gemini-2.5-flash:generateContent"
        return path == f"{PATHS[self.wire]}/chat/completions"

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves otherwise
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.keys.append(self.headers.get("Authorization", "") or self.headers.get("x-goog-api-key", ""))
                provider.requests.append(request)
                if provider.mode == "hang":
                    provider.ended.wait(60)
                    self.close_connection = True
                    return
                right = provider._path_is_right(self.path)
                text = provider.completion(request) if provider.body is None else provider.body
                body = text.encode() if right else b'{"error": {"message": "no such path"}}'
                self.send_response(provider.status if right else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if provider.status == 429:
                    self.send_header("Retry-After", provider.retry_after)
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
def provider(wire: str = "openai") -> Iterator[Provider]:
    running = Provider(wire)
    try:
        yield running
    finally:
        running.close()
