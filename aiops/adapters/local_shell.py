"""Runs the script on this very machine: for a workstation without a fleet, and for the worker's own container."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO

from aiops.domain.host import Host
from aiops.errors import HostTimeoutError, HostUnreachableError
from aiops.ports import Printed, Shell

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes one run may print before it is ended: about twenty probes at their limit."""

_CHUNK = 65536


class LocalShell:
    """Gives the script to ``sh`` on its standard input, in a session of its own that ends with its deadline.

    ``command`` starts the shell; another one than this machine's own may stand in a container or a root directory.
    """

    def __init__(self, command: Sequence[str] = ("/bin/sh", "-s")) -> None:
        self._command = tuple(command)

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        """See ``aiops.ports.Shell``."""
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            raise HostUnreachableError(host.name, f"no shell could be started: {error}") from error
        with process:
            try:
                stdout, stderr = _talk(process, script.encode(), started + seconds)
                code = process.wait(max(0.0, started + seconds - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                raise HostTimeoutError(host.name, seconds) from None
            except OverflowError:
                raise HostUnreachableError(host.name, f"it printed more than {OUTPUT_LIMIT} bytes") from None
            finally:
                if process.returncode is None:
                    _end(process)
        return Printed(stdout, stderr, code, time.monotonic() - started)

    def close(self) -> None:
        """Nothing is kept open."""


def _talk(process: "subprocess.Popen[bytes]", script: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Feed the script and collect both streams until they end."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        msg = "the process was started without pipes"
        raise TypeError(msg)
    writer = threading.Thread(target=_feed, args=(process.stdin, script), daemon=True)
    writer.start()
    caught: dict[int, bytearray] = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as ready:
        for stream in caught:
            ready.register(stream, selectors.EVENT_READ)
        while ready.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in ready.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    ready.unregister(key.fd)
                caught[key.fd] += chunk
            if sum(map(len, caught.values())) > OUTPUT_LIMIT:
                raise OverflowError
    stdout, stderr = caught.values()
    return bytes(stdout), bytes(stderr)


def _feed(stdin: IO[bytes], script: bytes) -> None:
    try:
        with stdin:
            stdin.write(script)
    except (BrokenPipeError, ValueError):
        return  # the script ended before it was read to its end; its exit code tells


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the whole session: ``timeout`` puts each probe into a process group of its own, so one group is not all."""
    for pid in [process.pid, *_session(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue  # it has ended, or it is root's and ends by its own time limit


def _session(leader: int) -> list[int]:
    members = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == leader:
                    members.append(int(entry.name))
            except (ProcessLookupError, PermissionError):
                continue
    return members


class SplitShell:
    """Looks at local hosts here and at all others from afar."""

    def __init__(self, local: Shell, remote: Shell) -> None:
        self._local, self._remote = local, remote

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        """See ``aiops.ports.Shell``."""
        return (self._local if host.local else self._remote).run(host, script, seconds)

    def close(self) -> None:
        """Close both."""
        self._local.close()
        self._remote.close()
