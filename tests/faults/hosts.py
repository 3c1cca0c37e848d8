"""Many hosts in one sshd: each address of the loopback network is a host with files, a fence and faults of its own.

A session is moved into a mount namespace in which ``/run``, ``/srv``, ``/tmp`` and ``/var/tmp`` are those of the host that was
connected to. A host costs a folder, so a campaign can have hundreds. What a playbook does there is written down by the host
itself, in ``/srv/effects``: that file is what really happened, whatever any ledger says.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiops.remediations import SHIPPED
from tests.contracts.sshd import empty_home, make_key
from tests.servers import free_port

PLAYBOOK = "clean_vzdump_orphans"
FAULT = "disk.vzdump_orphan"
PLACES = {"var-tmp": "/var/tmp", "tmp": "/tmp"}
_ENTER = """\
#!/bin/sh
set -eu
set -- $SSH_CONNECTION
exec unshare --mount --propagation private /bin/sh -c '
mount --bind "$1/srv" /srv && mount --bind "$1/run" /run &&
mount --bind "$1/var-tmp" /var/tmp && mount --bind "$1/tmp" /tmp &&
cd / && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"' sh "{folder}/$3"
"""
_WORK = """\
#!/bin/sh
# work PHASE BECOME_FLAGS [FAULT ...]: write down that a plan is at work here; wait while /srv/hold.PHASE lies there.
set -eu
phase=$1 fence=${2##* }
shift 2
read -r stamp plan </run/aiops-fence/stamp
echo "$(date +%s%N) $phase $fence $stamp $plan" >>/srv/effects
waited=0
while [ -e "/srv/hold.$phase" ]; do
    [ $((waited += 1)) -lt 2400 ] || exit 9
    sleep 0.05
done
[ "$phase" != end ] || rm -rf -- "$@"
"""
_PLAY = """\
---
- name: Mend what is broken, and write down when
  hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command:
        argv: [sh, /srv/work, check, "{{ ansible_become_flags }}"]
      check_mode: false
      changed_when: false
      when: ansible_check_mode

    - name: Begin
      ansible.builtin.command:
        argv: [sh, /srv/work, begin, "{{ ansible_become_flags }}"]
      changed_when: true

    - name: End
      ansible.builtin.command:
        argv: "{{ ['sh', '/srv/work', 'end', ansible_become_flags] + directories }}"
      changed_when: true
"""
_LONG_AGO = 1_700_000_000


@dataclass(frozen=True)
class Effect:
    """One command of a playbook on a host. ``stamp`` and ``plan`` are who the host belonged to at that moment."""

    host: str
    at: int
    phase: str
    fence: int
    stamp: int
    plan: str


class Hosts:
    """Hosts ``ct1`` to ``ctN`` behind one sshd, and the catalogue with one playbook that writes down what it does."""

    def __init__(self, folder: Path, count: int, *, timeout: int = 60) -> None:
        """``timeout`` is the playbook's, in seconds."""
        self.folder, self.port = folder, free_port()
        self.addresses = {f"ct{n}": f"127.1.{n // 250}.{n % 250 + 1}" for n in range(1, count + 1)}
        self.names = tuple(self.addresses)
        folder.mkdir(parents=True, exist_ok=True)
        self.key, self.host_key = make_key(folder / "key"), make_key(folder / "host_key")
        self.known_hosts, self.inventory, self.playbooks = (
            folder / "known_hosts",
            folder / "inventory.yml",
            folder / "ansible" / "playbooks",
        )
        for name in self.names:
            for place in ("srv", "run", *PLACES):
                (self.place(name) / place).mkdir(parents=True)
            (self.place(name) / "srv" / "work").write_text(_WORK)
            (self.place(name) / "srv" / "effects").touch()
        self._write(timeout)

    def place(self, host: str) -> Path:
        """The host's files, seen from outside."""
        return self.folder / "hosts" / self.addresses[host]

    def break_(self, host: str, number: int, where: str = "var-tmp") -> None:
        """Leave what a backup that died would have left; each ``where`` is an incident of its own."""
        fault = self.place(host) / where / f"vzdumptmp{4_200_000 + number}_{number}"
        fault.mkdir()
        os.utime(fault, (_LONG_AGO, _LONG_AGO))

    def broken(self, host: str, where: str = "") -> bool:
        """Whether a fault is still there, in one place or in any."""
        return any(any((self.place(host) / place).glob("vzdumptmp*")) for place in ([where] if where else PLACES))

    def hold(self, host: str, phase: str) -> None:
        """Make the playbook wait in that phase (check, begin, end)."""
        (self.place(host) / "srv" / f"hold.{phase}").touch()

    def let_go(self, host: str, phase: str) -> None:
        """Let it go on."""
        (self.place(host) / "srv" / f"hold.{phase}").unlink(missing_ok=True)

    def effects(self, *hosts: str) -> list[Effect]:
        """What playbooks did, in order; on all hosts when none is named."""
        found = []
        for host in hosts or self.names:
            for line in (self.place(host) / "srv" / "effects").read_text().splitlines():
                at, phase, fence, stamp, plan = line.split()
                found.append(Effect(host, int(at), phase, int(fence), int(stamp), plan))
        return sorted(found, key=lambda effect: effect.at)

    def _write(self, timeout: int) -> None:
        public = self.host_key.with_suffix(".pub").read_text().split()[:2]
        rows = [f"[{address}]:{self.port} {' '.join(public)}\n" for address in self.addresses.values()]
        self.known_hosts.write_text("".join(rows))
        lines = ["lab:", "  hosts:"]
        for name, address in self.addresses.items():
            lines.append(f"    {name}: {{ansible_host: {address}, ansible_port: {self.port}, aiops_role: lab}}")
        self.inventory.write_text("\n".join(lines) + "\n")
        shutil.copytree(SHIPPED.parent, self.playbooks.parent)
        (self.playbooks / f"{PLAYBOOK}.yml").write_text(_PLAY)
        manifest = self.playbooks / f"{PLAYBOOK}.meta.yml"
        manifest.write_text(manifest.read_text().replace("timeout: 300", f"timeout: {timeout}"))
        enter = self.folder / "enter"
        enter.write_text(_ENTER.format(folder=self.folder / "hosts"))
        enter.chmod(0o700)
        (self.folder / "authorized").write_text(self.key.with_suffix(".pub").read_text())
        home = empty_home(self.folder)
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 0.0.0.0:{self.port}\nHostKey {self.host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPasswordAuthentication no\n"
            f"PermitRootLogin prohibit-password\nForceCommand {enter}\nMaxStartups 500\nMaxSessions 100\nUseDNS no\n"
            f"LogLevel ERROR\nSetEnv HOME={home}\n"
        )


@contextmanager
def serving(hosts: Hosts) -> Iterator[Hosts]:
    """The sshd, for the length of a block; it and every session end with it."""
    Path("/run/sshd").mkdir(exist_ok=True)
    argv: Sequence[str] = ["/usr/sbin/sshd", "-D", "-e", "-f", str(hosts.folder / "sshd_config")]
    with (hosts.folder / "sshd.log").open("ab") as log, subprocess.Popen(argv, stderr=log) as process:
        try:
            deadline = time.monotonic() + 20
            while not _answers(hosts.port):
                assert process.poll() is None, (hosts.folder / "sshd.log").read_text()
                assert time.monotonic() < deadline, "sshd does not answer"
                time.sleep(0.05)
            yield hosts
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    argv = ["ssh-keyscan", "-T", "5", "-t", "ed25519", "-p", str(port), "127.0.0.1"]
    return bool(subprocess.run(argv, capture_output=True, check=False, timeout=20).stdout)
