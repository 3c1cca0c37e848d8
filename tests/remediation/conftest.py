"""A real sshd on loopback, real ansible-playbook, and playbooks of our own. Needs root: the fence belongs to root."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.ansible_executor import AnsibleExecutor
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.remediation import Param, Remediation
from aiops.ports import Claim
from aiops.remediations import SHIPPED
from tests.contracts.sshd import empty_home
from tests.plans import NOON, approved
from tests.remediation.fleet import Fleet, Gate, started
from tests.servers import free_port

PLAYBOOK = """---
- name: Leave a mark
  hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: Write what was asked for
      ansible.builtin.copy:
        content: "{{ word }}\\n"
        dest: "{{ place }}"
        mode: "0644"
"""
SLOW = """---
- name: Work for long
  hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: Begin
      ansible.builtin.command:
        argv: [sh, -c, 'echo begun >>"$1"', sh, "{{ place }}"]
    - name: Work
      ansible.builtin.command:
        argv: [sleep, "{{ seconds }}"]
    - name: End
      ansible.builtin.command:
        argv: [sh, -c, 'echo ended >>"$1"', sh, "{{ place }}"]
"""
TEXT = Param(description="", pattern=r"(?s).*")


def remediation(name: str, **changes: Any) -> Remediation:
    fields: dict[str, Any] = {
        "id": name,
        "title": "Leave a mark",
        "description": "Leaves a mark.",
        "risk": "low",
        "approval": "auto",
        "max_hosts": 3,
        "timeout": 100,
        "verify": ("health",),
        "rollback": "None.",
        "digest": "0" * 64,
        "params": {"word": TEXT, "place": TEXT, "seconds": TEXT},
    }
    return Remediation.model_validate(fields | changes)


@dataclass
class Bench:
    """One sshd, one catalogue, one fence, one executor."""

    folder: Path
    port: int
    gate: Gate = field(default_factory=Gate)
    fence: int = 1000

    @property
    def host(self) -> Host:
        return Host(name="web1", address="127.0.0.1", port=self.port, role="web")

    @property
    def fence_folder(self) -> Path:
        return self.folder / "fence"

    def playbook(self, name: str, text: str) -> None:
        (self.folder / "ansible" / "playbooks" / f"{name}.yml").write_text(text)

    def executor(self, known_hosts: str = "known_hosts") -> AnsibleExecutor:
        return AnsibleExecutor(
            self.folder / "ansible" / "playbooks",
            "root",
            self.folder / "key",
            self.folder / known_hosts,
            self.gate,
            fence_folder=str(self.fence_folder),
        )

    def claim(self, plan: str = "p1") -> Claim:
        self.fence += 1
        return Claim(plan, self.fence, NOON + timedelta(seconds=30), ("web1",))

    def run(
        self,
        name: str = "mark",
        *,
        hosts: tuple[Host, ...] = (),
        claim: Claim | None = None,
        beat: Callable[[], bool] = lambda: True,
        timeout: int = 100,
        known_hosts: str = "known_hosts",
        **params: Any,
    ) -> Outcome:
        hosts = hosts or (self.host,)
        params = {"place": str(self.folder / "mark"), "word": "hello"} | params
        plan = approved(remediation=name, hosts=tuple(host.name for host in hosts), params=params, timeout=timeout)
        return self.executor(known_hosts).run(plan, remediation(name), hosts, claim or self.claim(), beat)

    @property
    def mark(self) -> str:
        path = self.folder / "mark"
        return path.read_text() if path.exists() else ""

    def wait_for_mark(self, text: str, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.mark:
            assert time.monotonic() < deadline, f"no {text!r} within {seconds} s"
            time.sleep(0.05)


def equip(folder: Path) -> None:
    """Keys, and a catalogue of two playbooks beside the shipped configuration and fence."""
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "ansible" / "playbooks").mkdir(parents=True)
    (folder / "ansible" / "roles").mkdir()
    for name in ("ansible.cfg", "fence.sh"):
        shutil.copy(SHIPPED.parent / name, folder / "ansible" / name)
    (folder / "ansible" / "playbooks" / "mark.yml").write_text(PLAYBOOK)
    (folder / "ansible" / "playbooks" / "slow.yml").write_text(SLOW)


def _sshd(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/key.pub\n"
        "PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"Subsystem sftp internal-sftp\nSetEnv HOME={empty_home(folder)}\n"
    )
    return subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    folder = tmp_path_factory.mktemp("sshd")
    equip(folder)
    port = free_port()
    public = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
    with _sshd(folder, port) as process:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield folder, port
        process.terminate()


@pytest.fixture
def bench(sshd: tuple[Path, int], tmp_path: Path) -> Bench:
    """A fresh folder for every test; the keys and the sshd are shared."""
    origin, port = sshd
    folder = tmp_path / "bench"
    shutil.copytree(origin, folder)
    return Bench(folder, port)


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the executor makes its folders; short, since a socket's path has at most 107 characters."""
    folder = Path(tempfile.mkdtemp(prefix="x"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The lab's one host, for all playbooks."""
    with started(tmp_path_factory.mktemp("lab")) as fleet:
        yield fleet


def processes_with(text: str) -> list[int]:
    """Processes whose environment or command line holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                whole = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in whole:
                found.append(int(entry.name))
    return found


def end(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
