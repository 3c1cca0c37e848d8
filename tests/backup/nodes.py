"""Three machines on the loopback: a real sshd each, with a /run of its own, and the programs of Proxmox."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.contracts.sshd import empty_home, free_port, make_key

PROGRAMS = ("wakeonlan", "systemctl", "pvesm", "pct", "qm", "vzdump", "pvesh", "proxmox-backup-manager")
NODES, STORE = ("pve1", "pve2"), "pve3"


class Machines:
    """pve1 and pve2 are up; pve3 sleeps until somebody wakes it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.town = folder, folder / "town"
        (folder / "bin").mkdir()
        self.town.mkdir()
        shutil.copy(Path(__file__).parent / "programs" / "proxmox", folder / "bin" / "proxmox")
        (folder / "bin" / "proxmox").chmod(0o755)
        for name in PROGRAMS:
            (folder / "bin" / name).symlink_to("proxmox")
        self.key = make_key(folder / "repair")
        self.ports = {name: free_port() for name in (*NODES, STORE)}
        self.known_hosts = folder / "known_hosts"
        for name in self.ports:
            self._configure(name)
            (self.town / f"tasks-{name}").write_text("[]")
        (self.town / "tasks-datastore").write_text("[]")
        (self.town / "guests-pve1").write_text("101\n102\n")
        (self.town / "guests-pve2").write_text("201\n")
        (self.town / "ran").touch()
        (self.town / "wake").write_text(f"{self._sshd(STORE)}\n")
        (self.town / "sleep").write_text("sleep 0.5; kill -TERM 1\n")
        for name in NODES:
            subprocess.run(["/bin/sh", "-c", f"{self._sshd(name)} &"], check=True, timeout=20)

    def _configure(self, name: str) -> None:
        host_key = make_key(self.folder / f"host-{name}")
        public = host_key.with_suffix(".pub").read_text()
        with self.known_hosts.open("a") as known:
            known.write(f"[127.0.0.1]:{self.ports[name]} {public}")
        (self.folder / "authorized").write_text(self.key.with_suffix(".pub").read_text())
        (self.folder / f"{name}.conf").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.ports[name]}\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPasswordAuthentication no\nPermitRootLogin yes\n"
            f"SetEnv HOME={empty_home(self.folder)} "
            f"PATH={self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin TOWN={self.town} NODE={name}\n"
        )

    def _sshd(self, name: str) -> str:
        """A machine of its own as far as /run and processes go: when its sshd ends, everything in it ends."""
        serve = f"exec /usr/sbin/sshd -D -E {self.folder}/{name}.log -f {self.folder}/{name}.conf"
        inner = f"mount -t tmpfs none /run && mkdir /run/sshd && {serve}"
        spaces = "unshare --mount --pid --fork --kill-child --mount-proc --propagation private"
        outer = f"echo $$ >{self.folder}/{name}.pid; exec {spaces} sh -c {shlex.quote(inner)}"
        return f"setsid sh -c {shlex.quote(outer)} </dev/null >/dev/null 2>&1"

    @property
    def settings(self) -> str:
        """For ``aiops.toml``."""
        inventory = self.folder / "inventory.ini"
        rows = [
            f"{name} ansible_host=127.0.0.1 ansible_port={port} aiops_role=node" for name, port in self.ports.items()
        ]
        inventory.write_text("[nodes]\n" + "\n".join(rows) + "\n")
        return (
            f'\n[fleet]\ninventory = "{inventory}"\n[repair]\nuser = "root"\nkey_file = "{self.key}"\n'
            f'known_hosts = "{self.known_hosts}"\nlease_seconds = 5\n'
            f'[ssh]\nkey_file = "{self.key}"\nknown_hosts = "{self.known_hosts}"\n'
            '[backup]\nstore = "pve3"\nnodes = ["pve1", "pve2"]\nstorage = "pbs"\ndatastore = "main"\nmac = "52:54:00:12:34:56"\n'
        )

    def hold(self, guest: str) -> None:
        """Its vzdump goes on until it is let go."""
        (self.town / f"hold-{guest}").touch()

    def let_go(self, guest: str) -> None:
        (self.town / f"hold-{guest}").unlink()

    def ran(self, words: str) -> int:
        """How often a line with these words was run."""
        return sum(words in line for line in (self.town / "ran").read_text().splitlines())

    @property
    def enabled(self) -> set[str]:
        return {name for name in NODES if (self.town / f"enabled-{name}").exists()}

    @property
    def store_is_up(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[STORE]), 5):
            return True
        return False

    def stop(self) -> None:
        """End the machines with everything that runs in them; the store was woken by a node, and ends with it."""
        for name in NODES:
            with suppress(OSError, ValueError):
                os.kill(int((self.folder / f"{name}.pid").read_text()), signal.SIGKILL)
