"""A real sshd on the loopback, with keys of its own, that can be frozen, ended and changed."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from aiops.domain.host import Host


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_key(path: Path) -> Path:
    """A fresh key pair without passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, timeout=20, stdin=subprocess.DEVNULL)
    return path


def empty_home(folder: Path) -> Path:
    """A home for whoever logs in: a start-up file of the machine's own user may wait for a lock that a killed test left."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return home


class Sshd:
    """One server; ``key`` may log in as the account that runs the tests."""

    def __init__(self, folder: Path, key: Path | None = None) -> None:
        self.folder, self.port, self.user = folder, free_port(), getpass.getuser()
        self.host = Host(name="server", address="127.0.0.1", port=self.port)
        self.key, self.host_key = key or make_key(folder / "client"), make_key(folder / "host")
        self.known_hosts = folder / "known_hosts"
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.trust(self.host_key)

    def trust(self, host_key: Path) -> None:
        """Make that key the one we know the server by."""
        public = host_key.with_suffix(".pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}")

    def start(self, binds: Sequence[tuple[Path, Path]] = ()) -> None:
        """Start, and wait until it listens. ``binds``: files that stand in the place of others for whoever logs in (as root)."""
        (self.folder / "authorized").write_text(self.key.with_suffix(".pub").read_text())
        config = self.folder / "config"
        config.write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"SetEnv HOME={empty_home(self.folder)}\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        assert program, "install openssh-server: these tests need a real sshd"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_instead(binds), program, "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def family(self) -> list[int]:
        """The server's process and all below it."""
        assert self.process
        found = [self.process.pid]
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
        for pid in found:
            found += parents.get(pid, [])
        return found

    def connections(self) -> list[int]:
        """The processes that serve connections."""
        return self.family()[1:]

    def send(self, number: signal.Signals, pids: list[int]) -> None:
        """Send a signal to some of them."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def logins(self) -> int:
        """How often somebody logged in."""
        return self.log.read_text().count("Accepted publickey")

    def stop(self) -> None:
        """End it with everything below it."""
        if self.process:
            family = self.family()
            self.send(signal.SIGKILL, family)
            self.process.wait(10)
            self.process = None


def _instead(binds: Sequence[tuple[Path, Path]]) -> list[str]:
    """The beginning of a command line that runs the rest of it in a mount namespace of its own."""
    if not binds:
        return []
    pairs = [str(path) for pair in binds for path in pair]
    script = f'n={len(binds)}; while [ $n -gt 0 ]; do mount --bind "$1" "$2"; shift 2; n=$((n-1)); done; exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", script, "sh", *pairs]


@contextmanager
def running(folder: Path) -> Iterator[Sshd]:
    """A server for the length of a test."""
    server = Sshd(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
