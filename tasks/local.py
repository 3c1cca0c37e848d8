"""The whole system on this machine: servers, workers, beat, bridge and Flower as children of one supervisor.

Every child ends when the supervisor does, by kill -9 too; a child that dies is started again with a growing pause. In production
systemd does this, one unit per process: see ``workers/*.service``.
"""

import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiops import bootstrap
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks import access

log = logging.getLogger(__name__)

WORKERS = ("detect", "incidents", "triage", "remediation", "notify", "night", "bridge", "beat")
WITHOUT_PULSE = frozenset({"brief", "metrics_incidents", "metrics_remediation"})
"""These say by other ways that they live: a retained message on MQTT, or an answer to who scrapes them."""
_LONGEST_PAUSE = 30.0
_STOP_SECONDS = 8.0


def free_port(wanted: int) -> int:
    """The wanted port on loopback, or any free one when it is taken or 0."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BusError("127.0.0.1", "no port is free")


@dataclass
class Child:
    """One process of ours."""

    name: str
    argv: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, tied to this process."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                bootstrap.tied_command(os.getpid(), self.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )

    def revive(self) -> bool:
        """Start it again when it died and its pause is over; returns whether it had died."""
        if self.process is None or self.process.poll() is None:
            return False
        if self.due == 0.0:
            self.deaths += 1
            self.due = time.monotonic() + min(2.0 ** (self.deaths - 1), _LONGEST_PAUSE)
            log.warning("%s ended with code %s; its log is %s", self.name, self.process.returncode, self.log)
            return True
        if time.monotonic() >= self.due:
            self.due = 0.0
            self.start()
        return False


class Local:
    """Servers, settings and children under one folder."""

    def __init__(self, folder: Path, *, extra: str = "", flower_port: int = 0, only: tuple[str, ...] = WORKERS) -> None:
        """``extra`` is TOML that is added to the settings; ``flower_port`` 0 starts no Flower."""
        self.folder = folder.resolve()
        self.config = self.folder / "aiops.toml"
        self._extra, self._flower_port, self._only = extra, flower_port, only
        self._redis = bootstrap.embedded_redis(self.folder / "redis", self._accounts)
        self._mqtt = bootstrap.embedded_mqtt(self.folder / "mqtt")
        self.children: list[Child] = []

    @property
    def mqtt_port(self) -> int:
        """Where the MQTT broker listens, on loopback."""
        return self._mqtt.port

    @property
    def redis_port(self) -> int:
        """Where Redis listens, on loopback."""
        return self._redis.port

    @property
    def redis_url(self) -> str:
        """Redis for the one account that may do everything: for who looks at the system, never for a part of it."""
        return self._redis.url

    def start(self) -> None:
        """Start everything; when this returns the servers answer and the workers are on their way.

        :raises SettingsError: a server program is missing
        :raises BusError: a server does not come up
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._redis.start()
        self._mqtt.start()
        self._configure()
        environment = {**os.environ, "AIOPS_CONFIG": str(self.config)}
        names = self._only + self._asked_for()
        if set(names) != set(WORKERS):
            # What was not started is not missed; what was started besides is.
            environment["AIOPS_WATCH__PROCESSES"] = json.dumps([name for name in names if name not in WITHOUT_PULSE])
        for name in names:
            self._add(name, [sys.executable, "-m", f"workers.{name}"], environment)
        if self._flower_port:
            self._add("flower", [sys.executable, "-m", "workers.flower", str(self._flower_port)], environment)
        for child in self.children:
            child.start()

    def watch(self) -> list[str]:
        """Revive what died; returns the names of children that were just found dead."""
        return [child.name for child in self.children if child.revive()]

    def stop(self) -> None:
        """End the children together, wait, kill what is left, then end the servers."""
        living = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in living:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in living:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Its own session: a pool's children and a playbook's ssh go with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._mqtt.stop()
        self._redis.stop()

    def _add(self, name: str, argv: list[str], environment: dict[str, str]) -> None:
        (self.folder / "log").mkdir(exist_ok=True)
        account = {
            "AIOPS_REDIS__USERNAME": name,
            "AIOPS_REDIS__PASSWORD_FILE": str(access.password_file(self.folder / "redis", name)),
        }
        self.children.append(Child(name, argv, self.folder / "log" / f"{name}.log", environment | account))

    def _accounts(self, version: tuple[int, int]) -> list[str]:
        """Every process has an account of its own, as in production, so that a right that is missing shows here first."""
        return access.lines(self.folder / "redis", version)

    def _asked_for(self) -> tuple[str, ...]:
        """Processes that only some settings want."""
        before = os.environ.get("AIOPS_CONFIG")
        os.environ["AIOPS_CONFIG"] = str(self.config)
        try:
            settings = load_settings()
        finally:
            if before is None:
                del os.environ["AIOPS_CONFIG"]
            else:
                os.environ["AIOPS_CONFIG"] = before
        wanted = {
            "listen": "notify" in self._only and bool(settings.telegram.users),
            "ingest": bool(settings.ingest.port),
            "brief": settings.brief.on,
            "metrics_incidents": "incidents" in self._only and bool(settings.exporter.incidents_port),
            "metrics_remediation": "remediation" in self._only and bool(settings.exporter.remediation_port),
        }
        return tuple(name for name, on in wanted.items() if on and name not in self._only)

    def _configure(self) -> None:
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True, mode=0o700)
        bootstrap.generate_keys(keys / "signing", keys / "trusted" / "local.pem")
        bootstrap.generate_keys(keys / "ears", keys / "heard" / "local.pem")
        password = keys / "flower"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(12), encoding="utf-8")
        text = f"""\
# Written by `aiops run` at every start.
state = "{self.folder}"

[redis]
url = "redis://127.0.0.1:{self._redis.port}/0"
username = "operator"
password_file = "{access.password_file(self.folder / "redis", "operator")}"

[mqtt]
host = "127.0.0.1"
port = {self._mqtt.port}

[keys]
signing = "{keys}/signing"
trusted = "{keys}/trusted"
ears = "{keys}/ears"
heard = "{keys}/heard"
"""
        self.config.touch(mode=0o600)
        self.config.write_text(text + self._extra, encoding="utf-8")


@contextmanager
def running(local: Local) -> Iterator[Local]:
    """The system, from start to stop. SIGTERM, SIGHUP and Ctrl-C end it alike."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # SIGINT too: it may have been ignored when we were started, as a shell does for what it starts in the background.
    before = {name: signal.signal(name, interrupt) for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        local.start()
        yield local
    finally:
        for name in before:
            signal.signal(name, signal.SIG_IGN)
        local.stop()
        for name, handler in before.items():
            signal.signal(name, handler)
