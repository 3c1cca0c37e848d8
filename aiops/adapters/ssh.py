"""Runs the script on a host over SSH, by fabric: strict host keys, one kept connection per host, a hard end.

Fabric's own Connection accepts every new host key and loads no known_hosts (fabric #2071, #2138), so both are set here.
"""

import logging
import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fabric
import paramiko

from aiops.adapters.known_hosts import KnownHosts, written
from aiops.adapters.local_shell import OUTPUT_LIMIT
from aiops.domain.host import Host
from aiops.errors import HostKeyError, HostTimeoutError, HostUnreachableError, SettingsError
from aiops.ports import Printed

KEEPALIVE_SECONDS = 15
"""Between two signs of life on a kept connection, so that a lost one is noticed between two sweeps."""

_LOG_CHANNEL = "aiops.adapters.ssh.wire"
# Paramiko logs a traceback for every host that is switched off; we raise an error of our own for each of them.
logging.getLogger(_LOG_CHANNEL).setLevel(logging.CRITICAL)

_CHUNK = 65536
_COMMAND = "exec /bin/sh -s"


class _UnknownKeyError(paramiko.SSHException):  # type: ignore[misc]  # paramiko ships no types
    """The host has no key among the trusted ones."""


class _LostError(Exception):
    """The connection broke, or never answered."""


class _Reject(paramiko.RejectPolicy):  # type: ignore[misc]  # as above
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
        try:
            super().missing_host_key(client, hostname, key)
        except paramiko.SSHException as error:
            raise _UnknownKeyError(str(error)) from error


class _Watch:
    """Closes whatever it is given when the time is over: some waits inside paramiko know no limit of their own."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._guarded: list[Any] = []
        self.expired = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def left(self) -> float:
        """Seconds until the end; never below zero."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is over, even if the timer's thread has not had its turn yet."""
        return self.expired or self.left == 0

    def guard(self, closable: Any) -> None:
        with self._lock:
            self._guarded.append(closable)
            if not self.expired:
                return
        closable.close()

    def _end(self) -> None:
        with self._lock:
            self.expired = True
            guarded = list(self._guarded)
        for closable in reversed(guarded):
            closable.close()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()


@dataclass
class _Kept:
    """The place of one host's connection. Whoever uses it holds the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connection: Any = None

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class FabricShell:
    """See ``aiops.ports.Shell``.

    Logs in as ``user`` with the one key in ``key_file``; no agent, no other key, no ssh_config. ``known_hosts`` is
    OpenSSH's format; it is looked at at each connect, so that an enrolled host is known at once.

    :raises SettingsError: the key file cannot be read
    """

    def __init__(self, user: str, key_file: Path, known_hosts: Path, connect_seconds: float = 10.0) -> None:
        self._user, self._known_hosts, self._connect_seconds = user, known_hosts, connect_seconds
        self._known = KnownHosts(known_hosts)
        try:
            self._key = paramiko.PKey.from_path(key_file)
        except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
            raise SettingsError("ssh.key_file", f"{key_file} holds no usable private key: {error}") from error
        self._kept: dict[tuple[str, str, int], _Kept] = {}
        self._lock = threading.Lock()

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        """See ``aiops.ports.Shell``."""
        started = time.monotonic()
        with self._lock:
            kept = self._kept.setdefault((host.name, host.target, host.port), _Kept())
        if not kept.lock.acquire(timeout=seconds):
            raise HostTimeoutError(host.name, seconds)
        try:
            with _Watch(seconds - (time.monotonic() - started)) as watch:
                return self._run(host, kept, script, watch, seconds)
        finally:
            kept.lock.release()

    def close(self) -> None:
        """Close every connection, also those in use."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for place in kept:
            place.drop()

    def _run(self, host: Host, kept: _Kept, script: str, watch: _Watch, seconds: float) -> Printed:
        started = time.monotonic()
        was_kept = kept.connection is not None
        try:
            try:
                stdout, stderr, code = self._execute(host, kept, script, watch)
            except _LostError:
                kept.drop()
                if not was_kept or watch.over:
                    raise
                # A kept connection may have died unnoticed; looking is harmless, so it is tried on a new one, once.
                stdout, stderr, code = self._execute(host, kept, script, watch)
        except _LostError as error:
            kept.drop()
            if watch.over:
                raise HostTimeoutError(host.name, seconds) from None
            raise HostUnreachableError(host.name, str(error)) from None
        return Printed(stdout, stderr, code, time.monotonic() - started)

    def _execute(self, host: Host, kept: _Kept, script: str, watch: _Watch) -> tuple[bytes, bytes, int]:
        if kept.connection is None:
            kept.connection = self._connect(host, watch)
        transport = kept.connection.transport
        watch.guard(transport)
        try:
            channel = transport.open_session(timeout=min(self._connect_seconds, watch.left))
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise _LostError(f"no session could be opened: {_say(error)}") from error
        try:
            channel.settimeout(watch.left)
            channel.exec_command(_COMMAND)
            _say_all(channel, script.encode())
            return _collect(host, channel, watch)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise _LostError(f"the connection broke: {_say(error)}") from error
        finally:
            # The connection may be gone by now, and closing says so; what went wrong first is what counts.
            with suppress(paramiko.SSHException, EOFError, OSError):
                channel.close()

    def _connect(self, host: Host, watch: _Watch) -> Any:
        limit = min(self._connect_seconds, watch.left)
        try:
            plain = socket.create_connection((host.target, host.port), timeout=limit)
        except socket.gaierror as error:
            raise HostUnreachableError(host.name, f"{host.target} cannot be resolved: {_say(error)}") from error
        except OSError as error:
            raise HostUnreachableError(host.name, f"{host.target} port {host.port}: {_say(error)}") from error
        watch.guard(plain)
        connection = self._connection(host, plain, limit)
        answer_due = time.monotonic() + limit
        try:
            connection.open()
            connection.transport.set_keepalive(KEEPALIVE_SECONDS)
        except paramiko.BadHostKeyException as error:
            plain.close()
            raise HostKeyError(host.name, "its host key is not the one we trust", _CHANGED) from error
        except _UnknownKeyError as error:
            plain.close()
            raise HostKeyError(host.name, "its host key is not known here", self._enrol()) from error
        except paramiko.AuthenticationException as error:
            # Paramiko raises the same for a login that was refused and for one that nobody answered.
            plain.close()
            if time.monotonic() >= answer_due:
                raise _LostError(f"no answer to the login of {self._user}") from error
            raise HostUnreachableError(host.name, f"it refused the login of {self._user}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            plain.close()
            raise _LostError(f"no SSH connection: {_say(error)}") from error
        return connection

    def _connection(self, host: Host, plain: socket.socket, limit: float) -> Any:
        connection = fabric.Connection(
            host.target,
            user=self._user,
            port=host.port,
            config=fabric.Config(lazy=True, ssh_config=paramiko.SSHConfig()),
            connect_kwargs={
                "sock": plain,
                "pkey": self._key,
                "allow_agent": False,
                "look_for_keys": False,
                "timeout": limit,
                "banner_timeout": limit,
                "auth_timeout": limit,
                "channel_timeout": limit,
            },
        )
        connection.client.set_log_channel(_LOG_CHANNEL)
        connection.client.set_missing_host_key_policy(_Reject())
        trusted = connection.client.get_host_keys()
        name = written(host.target, host.port)
        try:
            for kind, key in self._known.of(name).items():
                trusted.add(name, kind, key)
        except OSError as error:
            plain.close()
            raise HostKeyError(host.name, f"known_hosts cannot be read: {_say(error)}", self._enrol()) from error
        return connection

    def _enrol(self) -> str:
        return f"run `aiops enroll`, or add the host's key to {self._known_hosts} after comparing it on its console"


def _say_all(channel: Any, script: bytes) -> None:
    """The whole script, or as much of it as is read: one that ends before was no broken connection."""
    try:
        channel.sendall(script)
        channel.shutdown_write()
    except OSError:
        if not channel.exit_status_ready() or channel.exit_status < 0:
            raise


def _collect(host: Host, channel: Any, watch: _Watch) -> tuple[bytes, bytes, int]:
    """Both streams until they end, and the exit code."""
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(channel.fileno(), selectors.EVENT_READ)
        while not (channel.eof_received or channel.closed) or channel.recv_ready() or channel.recv_stderr_ready():
            if watch.over:
                raise _LostError("its time was over")
            ready.select(watch.left)
            if channel.recv_ready():
                stdout += channel.recv(_CHUNK)
            if channel.recv_stderr_ready():
                stderr += channel.recv_stderr(_CHUNK)
            if len(stdout) + len(stderr) > OUTPUT_LIMIT:
                raise HostUnreachableError(host.name, f"it printed more than {OUTPUT_LIMIT} bytes")
    if not channel.status_event.wait(watch.left) or channel.exit_status < 0:
        raise _LostError("the script ended without an exit code")
    return bytes(stdout), bytes(stderr), int(channel.exit_status)


def _say(error: BaseException) -> str:
    """What went wrong in words; some errors have none."""
    if isinstance(error, EOFError):
        return "the other end closed it"
    if not str(error):
        return type(error).__name__
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()


_CHANGED = (
    "if the host was reinstalled on purpose, compare the new key on its console and run `aiops enroll` again; "
    "if not, somebody may stand in between: do not log in"
)
