"""A scripted model behind an OpenAI-compatible endpoint: it says what the test wrote, turn by turn."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = dict[str, Any]
Script = Callable[[dict[str, Any]], Turn]


def call(tool: str, **arguments: Any) -> Turn:
    """A turn in which the model asks for one tool."""
    return calls((tool, json.dumps(arguments)))


def calls(*wanted: tuple[str, str]) -> Turn:
    """A turn with several; arguments are text, whatever it is."""
    asked = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(wanted)
    ]
    return {"message": {"role": "assistant", "content": None, "tool_calls": asked}}


def says(text: str) -> Turn:
    """A turn of words alone."""
    return {"message": {"role": "assistant", "content": text}}


class Model:
    """``script`` is given each request and returns a turn; a turn's ``usage`` and ``raw`` replace what is usual."""

    def __init__(self) -> None:
        self.script: Script = lambda _: says("hm")
        self.mode = "answer"
        """``answer``, ``hang`` (no byte), ``drip`` (a byte now and then) or ``flood`` (bytes without end)."""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.ended = threading.Event()
        self.asked = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def turns(self, *turns: Turn) -> None:
        """Say these, then the last one for ever."""
        left = list(turns)

        def script(_: dict[str, Any]) -> Turn:
            return left.pop(0) if len(left) > 1 else left[0]

        self.script = script

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def results(self) -> str:
        """Everything that tools have told the model so far."""
        messages: Sequence[dict[str, Any]] = self.requests[-1]["messages"]
        return "\n".join(str(message["content"]) for message in messages if message["role"] == "tool")

    def _handler(model) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves otherwise
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model.keys.append(self.headers.get("Authorization", ""))
                model.requests.append(request)
                model.asked.set()
                if model.mode == "hang":
                    model.ended.wait(60)
                    return
                with suppress(OSError):
                    self._answer(request)

            def _answer(self, request: dict[str, Any]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.end_headers()
                if model.mode == "flood":
                    while not model.ended.is_set():
                        self.wfile.write(b" " * 65536)
                    return
                if model.mode == "drip":
                    while not model.ended.wait(0.1):
                        self.wfile.write(b" ")
                    return
                turn = model.script(request)
                usage = turn.get("usage", {"prompt_tokens": 100, "completion_tokens": 10})
                self.wfile.write(json.dumps({"choices": [{"message": turn["message"]}], "usage": usage}).encode())

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def scripted() -> Iterator[Model]:
    running = Model()
    try:
        yield running
    finally:
        running.close()
