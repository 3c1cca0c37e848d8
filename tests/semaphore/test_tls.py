"""Semaphore behind a private certificate authority."""

import ssl
import subprocess
from pathlib import Path

import pytest

from aiops.adapters.semaphore_api import SemaphoreApi, SemaphoreError
from aiops.errors import SettingsError
from tests.semaphore.server import TOKEN, Semaphore


@pytest.fixture
def authority(semaphore: Semaphore, tmp_path: Path) -> Path:
    """The test server's certificate, which it shows from now on."""
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run(["openssl", *request.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    assert semaphore._server
    semaphore._server.socket = context.wrap_socket(semaphore._server.socket, server_side=True)
    return tmp_path / "cert"


def _api(server: Semaphore, ca_file: Path | None) -> SemaphoreApi:
    return SemaphoreApi(f"https://127.0.0.1:{server.port}", 1, lambda: TOKEN, seconds=3, ca_file=ca_file)


def test_a_private_authority_that_is_named_is_trusted(semaphore: Semaphore, authority: Path) -> None:
    assert _api(semaphore, authority).version() == "2.16.4"


def test_an_authority_that_nobody_named_gets_no_token(semaphore: Semaphore, authority: Path) -> None:
    with pytest.raises(SemaphoreError, match="certificate") as error:
        _api(semaphore, None).start({"template_id": 7})
    assert not error.value.sent
    assert semaphore.asked == []


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").write_text("no certificate")
    with pytest.raises(SettingsError, match="holds no certificate"):
        SemaphoreApi("https://127.0.0.1:1", 1, lambda: TOKEN, ca_file=tmp_path / "nothing")
