"""Into a host by its namespaces: never by ssh, and never by anything the host or the system under test could break."""

import re
from pathlib import Path

from lab import cgroups
from lab.errors import CannotLookError, CommandError, LabError
from lab.run import Ran, run

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "SYSTEMD_PAGER": "cat",
}
_NSPID = re.compile(r"^NSpid:.*\t1$", re.MULTILINE)


class Inside:
    """A running host, entered anew for each command (its leader changes when it reboots)."""

    def __init__(self, group: cgroups.LabGroup, name: str) -> None:
        self.group = group
        self.name = name

    @property
    def cgroup(self) -> Path:
        """The control group all of the host's processes are in."""
        return self.group.host(self.name)

    @property
    def leader(self) -> int:
        """The machine's pid of the host's PID 1. Raises CannotLookError when the host does not run."""
        payload = self.cgroup / "payload"
        for group in (payload / "init.scope", payload, self.cgroup):
            if not group.is_dir():
                continue
            for pid in cgroups.processes(group):
                if _is_first(pid):
                    return pid
        raise CannotLookError(f"{self.name} does not run")

    @property
    def frozen(self) -> bool:
        """Whether every process of the host stands still. Raises CannotLookError when the host does not run."""
        try:
            return "frozen 1" in (self.cgroup / "payload/cgroup.events").read_text(encoding="ascii")
        except FileNotFoundError as error:
            raise CannotLookError(f"{self.name} does not run") from error

    @property
    def root(self) -> Path:
        """The host's file system as seen from the machine."""
        return Path(f"/proc/{self.leader}/root")

    def argv(self, *argv: str) -> tuple[str, ...]:
        """The command line that runs `argv` as root inside the host."""
        env = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        enter = ("nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return (*enter, "--root", "--wd", "--", "env", "-i", *env, *argv)

    def run(self, *argv: str, stdin: str = "", check: bool = True, timeout: float = 60) -> Ran:
        """Run `argv` in the host. Raises CommandError (its own argv, not that of nsenter) and CannotLookError."""
        if self.frozen:
            raise CannotLookError(f"{self.name} stands still: `lab heal {self.name} frozen` first")
        try:
            return run(*self.argv(*argv), stdin=stdin, check=check, timeout=timeout)
        except CommandError as error:
            raise CommandError(argv, error.status, error.said) from error

    def ok(self, *argv: str) -> bool:
        """Whether `argv` ends with 0 in the host."""
        return self.run(*argv, check=False).status == 0

    def out(self, *argv: str) -> str:
        """What `argv` prints in the host, without the last newline, whatever its exit status."""
        return self.run(*argv, check=False).out.rstrip("\n")

    def read(self, path: str) -> str:
        """The text of a file of the host. Raises FileNotFoundError."""
        return self._at(path).read_text(encoding="utf-8", errors="replace")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the host, with its folder."""
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def remove(self, path: str) -> None:
        """Remove a file of the host, if it is there."""
        self._at(path).unlink(missing_ok=True)

    def exists(self, path: str) -> bool:
        """Whether the host has a file or folder of that name."""
        return self._at(path).exists()

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def _is_first(pid: int) -> bool:
    try:
        return _NSPID.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8")) is not None
    except (FileNotFoundError, ProcessLookupError):
        return False


def find(host: str, lab: str | None = None) -> Inside:
    """The host of that name, in `lab` or else in the one lab that has it. Raises LabError."""
    found = [group for group in cgroups.labs() if lab in (None, group.name) and host in group.hosts()]
    if not found:
        where = f"lab {lab}" if lab else "any lab"
        raise LabError(f"there is no host {host} in {where}: see `lab list`, or start one with `lab up`")
    if len(found) > 1:
        raise LabError(f"{host} is in {', '.join(group.name for group in found)}: choose with --name")
    return Inside(found[0], host)
