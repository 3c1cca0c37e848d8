"""A process that looks like a container of docker-py: what pytest-celery's own classes need of one, and nothing else."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiops import bootstrap

ROOT = Path(__file__).parents[2]
STOPS_WITHIN = 20.0


class LocalContainer:
    """One process and whatever it starts. ``port`` is where it listens on loopback, 0 where it does not."""

    def __init__(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], log: Path, port: int = 0
    ) -> None:
        self.name, self.id = name, name.ljust(12, "0")
        self._argv, self._environment, self._log, self._port = argv, environment, log, port
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def attrs(self) -> dict[str, Any]:
        """The parts of docker's description that are asked for; a process has its ports as they are."""
        ports = {f"{self._port}/tcp": [{"HostPort": str(self._port)}]} if self._port else {}
        return {
            "Config": {"Hostname": "127.0.0.1", "Env": [f"{key}={value}" for key, value in self._environment.items()]},
            "NetworkSettings": {"Networks": {"loopback": {"IPAddress": "127.0.0.1"}}, "Ports": ports},
            "HostConfig": {"PortBindings": ports},
        }

    @property
    def status(self) -> str:
        return "running" if self._process and self._process.poll() is None else "exited"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                bootstrap.tied_command(os.getpid(), list(self._argv)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=dict(self._environment),
                start_new_session=True,
            )

    def reload(self) -> None:
        """There is nothing to ask a daemon for."""

    def logs(self) -> bytes:
        return self._log.read_bytes()

    def kill(self, wanted: str | int | None = None) -> None:
        """As docker: without a signal SIGKILL; the whole group, for a container ends as a whole."""
        if self._process is None or self._process.poll() is not None:
            return
        number = signal.SIGKILL if wanted is None else signal.Signals[wanted] if isinstance(wanted, str) else wanted
        os.killpg(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()

    def stop(self, timeout: float = STOPS_WITHIN) -> None:
        self.kill("SIGTERM")
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self, timeout: float = STOPS_WITHIN) -> None:
        self.stop(min(timeout, STOPS_WITHIN))
        self.start()

    def exec_run(self, command: str) -> tuple[int, bytes]:
        """Run words, without a shell, beside the process: it shares our network and our files."""
        done = subprocess.run(command.split(), capture_output=True, check=False)
        return done.returncode, done.stdout
