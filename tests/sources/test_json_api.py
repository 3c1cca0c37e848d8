"""What a server may do to us, against real sockets: each ends in a reason, in time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from aiops.adapters.json_api import MOST_BYTES, Enveloped, JsonApi
from aiops.errors import BusError, SettingsError


@contextmanager
def server(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Speaks to every connection as it is told to."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return  # closed: the test is over
            with connection:
                connection.recv(4096)
                try:
                    speak(connection)
                except OSError:
                    continue  # hung up on: that is what some tests are about

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def saying(status: str, body: bytes) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def test_json_is_read_and_an_envelope_opened() -> None:
    with server(saying("200 OK", b'{"data": [1]}')) as url:
        assert JsonApi("it", url).get("/x", a=1) == {"data": [1]}
        assert Enveloped(JsonApi("it", url)).get("/x") == [1]


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        ("401 Unauthorized", b"no", "token is not accepted"),
        ("403 Forbidden", b"no", "may not read"),
        ("404 Not Found", b"", "no such thing"),
        ("302 Found", b"", "302"),
        ("200 OK", b"<html>", "no JSON"),
        ("200 OK", b"[" * 100_000, "no JSON"),
    ],
)
def test_what_asking_again_would_not_change_is_a_matter_of_settings(status: str, body: bytes, wanted: str) -> None:
    with server(saying(status, body)) as url, pytest.raises(SettingsError, match=wanted):
        JsonApi("it", url).get("/x")


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Too Many Requests"])
def test_what_may_pass_is_no_answer_now(status: str) -> None:
    with server(saying(status, b"")) as url, pytest.raises(BusError, match="does not answer"):
        JsonApi("it", url).get("/x")


def test_a_server_that_drips_is_left_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(600):
            connection.sendall(b" ")
            time.sleep(0.1)

    started = time.monotonic()
    with server(drip) as url, pytest.raises(BusError, match=r"within 0\.5 s"):
        JsonApi("it", url, seconds=0.5).get("/x")
    assert time.monotonic() - started < 30


def test_an_endless_answer_does_not_fill_our_memory() -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(MOST_BYTES // 65536 + 2):
            connection.sendall(b" " * 65536)

    with server(flood) as url, pytest.raises(BusError, match="more than"):
        JsonApi("it", url).get("/x")


def test_an_envelope_that_is_none_is_the_wrong_address() -> None:
    with server(saying("200 OK", b"[]")) as url, pytest.raises(SettingsError, match="right address"):
        Enveloped(JsonApi("it", url)).get("/x")


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://user@x", "http://x?y=1", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        JsonApi("it", url)
