"""pytest-celery's fixtures, answered by processes: no engine is needed, and kill -9 is kill -9."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_celery import CeleryBrokerCluster, CeleryTestWorker, CeleryWorkerCluster, RedisTestBroker
from pytest_docker_tools.utils import wait_for_callable

from aiops import bootstrap
from aiops.adapters.embedded import NOBODY, _version, find_redis_server
from tasks import access
from tests.cluster.local_container import LocalContainer
from tests.cluster.nodes import Drainer, GuardedRedis, OurSetup
from tests.servers import free_port

ADMIN = "admin"


class SilentHost:
    """Takes connections and says nothing until it is closed; then there is nobody."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.visits = 0
        self.visited = threading.Event()
        self._links: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self._links.append(self._listener.accept()[0])
            except OSError:
                return
            self.visits += 1
            self.visited.set()

    def close(self) -> None:
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            link.close()


@pytest.fixture
def host() -> Iterator[SilentHost]:
    silent = SilentHost()
    yield silent
    if not silent._listener._closed:  # type: ignore[attr-defined]
        silent.close()


@pytest.fixture
def place(tmp_path: Path, host: SilentHost, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of everybody here: a fleet of one host."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "known_hosts").touch()
    (tmp_path / "hosts.yml").write_text(
        f"all:\n  hosts:\n    silent:\n      ansible_host: 127.0.0.1\n      ansible_port: {host.port}\n"
    )
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    bootstrap.generate_keys(keys / "signing", keys / "trusted" / "local.pem")
    settings = tmp_path / "aiops.toml"
    settings.touch(mode=0o600)
    settings.write_text(
        f"""
state = "{tmp_path}"
[redis]
url = "redis://127.0.0.1:{free_port()}/0"
[keys]
trusted = "{keys}/trusted"
[fleet]
inventory = "{tmp_path}/hosts.yml"
[ssh]
key_file = "{tmp_path}/key"
known_hosts = "{tmp_path}/known_hosts"
connect_seconds = 120
host_seconds = 120
"""
    )
    monkeypatch.setenv("AIOPS_CONFIG", str(settings))
    return tmp_path


@pytest.fixture
def default_redis_broker(place: Path) -> Iterator[GuardedRedis]:
    """Redis with our accounts, append-only, as a process."""
    folder = place / "redis"
    program = find_redis_server()
    lines = access.lines(folder, _version(program))
    (folder / f"{ADMIN}.password").write_text("looks-from-outside")
    digest = hashlib.sha256(b"looks-from-outside").hexdigest()
    (folder / "users.acl").write_text("\n".join([NOBODY, f"user {ADMIN} on #{digest} ~* &* +@all", *lines]) + "\n")
    port = _port(place)
    (folder / "redis.conf").write_text(
        f"bind 127.0.0.1\nport {port}\ndir {folder}\nappendonly yes\nsave ''\nmaxmemory-policy noeviction\n"
        f"aclfile {folder}/users.acl\n".replace("''", '""')
    )
    process = LocalContainer("redis", [program, str(folder / "redis.conf")], os.environ, place / "redis.log", port)
    container = GuardedRedis(process)
    container.folder = folder
    wait_for_callable("Waiting for Redis", container.ready, 60)
    yield container
    process.stop()


def _port(place: Path) -> int:
    (line,) = (line for line in (place / "aiops.toml").read_text().splitlines() if line.startswith("url"))
    return int(line.rpartition(":")[2].partition("/")[0])


@pytest.fixture
def celery_broker(default_redis_broker: GuardedRedis) -> Iterator[RedisTestBroker]:
    broker = RedisTestBroker(default_redis_broker)
    yield broker
    broker.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """We keep no results."""


@pytest.fixture
def start_worker(
    place: Path, celery_broker_cluster: CeleryBrokerCluster
) -> Iterator[Callable[[str, str], CeleryTestWorker]]:
    """Starts the worker of a queue with an account's rights; does not wait for it."""
    started: list[LocalContainer] = []

    def start(queue: str, account: str) -> CeleryTestWorker:
        environment = {
            **os.environ,
            "AIOPS_REDIS__USERNAME": account,
            "AIOPS_REDIS__PASSWORD_FILE": str(access.password_file(place / "redis", account)),
        }
        name = f"{queue}-as-{account}-{len(started)}"
        process = LocalContainer(name, [sys.executable, "-m", f"workers.{queue}"], environment, place / f"{name}.log")
        started.append(process)
        container = Drainer(process)
        container.queue = queue
        return CeleryTestWorker(container, app=None)

    yield start
    for process in started:
        process.stop()


@pytest.fixture
def accounts() -> tuple[tuple[str, str], ...]:
    """The workers of a test's setup, each a queue and an account; a test names others by parametrizing this."""
    return (("detect", "detect"),)


@pytest.fixture
def celery_worker_cluster(
    accounts: tuple[tuple[str, str], ...], start_worker: Callable[[str, str], CeleryTestWorker]
) -> Iterator[CeleryWorkerCluster]:
    cluster = CeleryWorkerCluster(*[start_worker(queue, account) for queue, account in accounts])
    yield cluster
    cluster.teardown()


@pytest.fixture
def celery_worker_cluster_config(celery_broker_cluster_config: dict[str, Any]) -> dict[str, Any]:
    return {"celery_broker_cluster_config": celery_broker_cluster_config}


@pytest.fixture
def celery_setup_cls() -> type[OurSetup]:
    return OurSetup
