"""Handshakes with a real TLS server on the loopback address."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aiops.adapters.web import PlainWeb
from aiops.errors import SettingsError

NAME = "shop.example.org"


@dataclass(frozen=True)
class Server:
    port: int
    certificate: Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    wanted = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1", "-days", "20")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    made = ("openssl", "req", "-x509", *curve, *wanted, "-keyout", str(key), "-out", str(certificate))
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ends = threading.Thread(target=serve, args=(listening, context), daemon=True)
        ends.start()
        yield Server(listening.getsockname()[1], certificate)


def serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(accepted, server_side=True) as secure:
                secure.recv(1)
        except OSError:
            continue


def test_a_certificate_that_is_believed_comes_without_a_problem(server: Server) -> None:
    shown = PlainWeb(server.certificate).certificate(f"{NAME}@127.0.0.1:{server.port}", 5)
    assert shown.problem == ""
    assert shown.certificate is not None
    assert shown.certificate.common_name == NAME
    assert shown.certificate.names == (NAME, "127.0.0.1")
    left = shown.certificate.not_after - datetime.now(UTC)
    assert timedelta(days=19) < left <= timedelta(days=20)


def test_one_that_nobody_signed_is_shown_with_the_reason(server: Server) -> None:
    shown = PlainWeb().certificate(f"{NAME}@127.0.0.1:{server.port}", 5)
    assert shown.certificate is not None
    assert "self" in shown.problem


def test_one_for_another_name_does_not_cover_that_name(server: Server) -> None:
    shown = PlainWeb(server.certificate).certificate(f"other.example.org@127.0.0.1:{server.port}", 5)
    assert shown.certificate is not None
    assert not shown.certificate.covers(shown.name)
    assert shown.certificate.covers(NAME.upper())


def test_where_nobody_listens_there_is_no_certificate_but_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    shown = PlainWeb().certificate(f"127.0.0.1:{port}", 5)
    assert shown.certificate is None
    assert "refused" in shown.problem


def test_a_server_that_says_nothing_costs_no_more_than_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shown = PlainWeb().certificate(f"127.0.0.1:{silent.getsockname()[1]}", 0.3)
    assert shown.certificate is None
    assert shown.problem


@pytest.mark.parametrize("endpoint", ["", "a b:1", "https://x", "name@:443", "x:port"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError):
        PlainWeb().certificate(endpoint, 1)


def test_a_wildcard_covers_exactly_one_label() -> None:
    from aiops.domain.certificate import Certificate  # noqa: PLC0415

    wild = Certificate("*.example.org", "", ("*.example.org",), datetime.now(UTC), datetime.now(UTC), "")
    assert wild.covers("a.example.org")
    assert not wild.covers("a.b.example.org")
    assert not wild.covers("example.org")
