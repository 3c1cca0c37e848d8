"""Pages, asked for with the standard library."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aiops.adapters.web import PlainWeb
from aiops.errors import SettingsError, UnknownError

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Somebody who answers connections, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError, ssl.SSLError):
                        if context is None:
                            talk(connection)
                            continue
                        with context.wrap_socket(connection, server_side=True) as wrapped:
                            talk(wrapped)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def saying(answer: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)

    return talk


@pytest.mark.parametrize("status", [200, 204, 302, 404, 503])
def test_the_status_is_told_and_redirections_are_not_followed(status: int) -> None:
    answer = f"HTTP/1.1 {status} x\r\nLocation: http://nosuch.invalid/\r\nContent-Length: 0\r\n\r\n".encode()
    with server(saying(answer)) as port:
        page = PlainWeb().get(f"http://127.0.0.1:{port}/path?query=1", 5)
    assert (page.status, page.reason) == (status, "")
    assert page.seconds < 5


def test_the_path_and_the_query_are_asked_for() -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with server(talk) as port:
        PlainWeb().get(f"http://127.0.0.1:{port}/path?query=1", 5)
    assert asked[0].startswith(b"GET /path?query=1 HTTP/1.1\r\n")


def drips(connection: socket.socket) -> None:
    connection.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def hangs(connection: socket.socket) -> None:
    while connection.recv(65536):
        continue


@pytest.mark.parametrize("talk", [drips, hangs], ids=["drips", "hangs"])
def test_the_time_limit_is_hard(talk: Talk) -> None:
    started = time.monotonic()
    with server(talk) as port:
        page = PlainWeb().get(f"http://127.0.0.1:{port}/", 1)
        assert time.monotonic() - started < 3
    assert page.status is None
    assert "within 1 s" in page.reason


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["nothing", "no HTTP"])
def test_an_answer_that_is_none_is_a_page_without_a_status(answer: bytes) -> None:
    with server(saying(answer)) as port:
        page = PlainWeb().get(f"http://127.0.0.1:{port}/", 5)
    assert page.status is None
    assert page.reason


def test_a_closed_port_is_a_page_without_a_status() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    page = PlainWeb().get(f"http://127.0.0.1:{port}/", 5)
    assert page.status is None
    assert "refused" in page.reason


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def test_a_certificate_nobody_trusts_is_no_page(tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), context) as port:
        page = PlainWeb().get(f"https://127.0.0.1:{port}/", 5)
    assert page.status is None
    assert "certificate is not valid" in page.reason


def test_a_certificate_of_the_private_authority_is_trusted(tmp_path: Path) -> None:
    authority, context = certificate(tmp_path)
    with server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), context) as port:
        page = PlainWeb(authority).get(f"https://127.0.0.1:{port}/", 5)
    assert (page.status, page.reason) == (200, "")


def test_a_name_nobody_knows_says_nothing_about_the_server() -> None:
    with pytest.raises(UnknownError, match=r"nosuch\.invalid"):
        PlainWeb().get("http://nosuch.invalid/", 5)


@pytest.mark.parametrize(
    "url", ["", "ftp://a/", "file:///etc/passwd", "http://", "http://a:b/", "http://u:p@a/", "http://a/ b", "http://ä/"]
)
def test_what_is_no_address_of_a_page_is_a_matter_of_settings(url: str) -> None:
    with pytest.raises(SettingsError):
        PlainWeb().get(url, 5)


def test_an_authority_without_certificate_is_a_matter_of_settings(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("")
    for path in (tmp_path / "ca", tmp_path / "nosuch"):
        with pytest.raises(SettingsError):
            PlainWeb(path)
