"""The second way, against a server that answers as ntfy does."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from aiops.adapters import ntfy_channel
from aiops.adapters.ntfy_channel import NtfyChannel
from aiops.domain.severity import Severity
from aiops.errors import ChannelError, SettingsError
from tests.servers import free_port
from tests.voice.notices import bundle, event


class Ntfy:
    """What arrived, and how the next request is answered."""

    def __init__(self) -> None:
        self.status = 200
        self.took: list[tuple[dict[str, str], str]] = []
        self.port = 0


@pytest.fixture
def server() -> Iterator[Ntfy]:
    state = Ntfy()

    class Request(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Be quiet."""

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if state.status == 200:
                state.took.append((dict(self.headers), text))
            body = json.dumps({"id": "sPs71M8A2T", "event": "message"} if state.status == 200 else {"code": 0}).encode()
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HTTPServer(("127.0.0.1", 0), Request) as http:
        state.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("severity", "priority"),
    [(Severity.INFO, "min"), (Severity.WARNING, "default"), (Severity.CRITICAL, "urgent")],
)
def test_the_severity_decides_the_priority(server: Ntfy, severity: Severity, priority: str) -> None:
    channel = NtfyChannel(f"http://127.0.0.1:{server.port}/ops", "tk_secret")
    assert channel.send(bundle(event(severity, symptom="disque plein à 95 %"))) == "sPs71M8A2T"
    ((headers, text),) = server.took
    assert headers["Priority"] == priority
    assert headers["Authorization"] == "Bearer tk_secret"
    assert "disque plein à 95 %" in text


@pytest.mark.parametrize(("status", "error"), [(500, ChannelError), (429, ChannelError), (403, SettingsError)])
def test_a_refusal_says_whether_it_is_worth_trying_again(server: Ntfy, status: int, error: type[Exception]) -> None:
    server.status = status
    with pytest.raises(error):
        NtfyChannel(f"http://127.0.0.1:{server.port}/ops").send(bundle(event()))


def test_a_server_that_drips_does_not_hold_the_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read gets a byte in time, the whole never comes."""
    monkeypatch.setattr(ntfy_channel, "SECONDS", 1.0)
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not over.wait(0.2):
                try:
                    client.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        channel = NtfyChannel(f"http://127.0.0.1:{listening.getsockname()[1]}/ops")
        with pytest.raises(ChannelError, match="did not answer whole within 1 s"):
            channel.send(bundle(event()))
        over.set()
        thread.join()
        channel.close()


def test_nobody_listens() -> None:
    with pytest.raises(ChannelError):
        NtfyChannel(f"http://127.0.0.1:{free_port()}/ops").send(bundle(event()))
