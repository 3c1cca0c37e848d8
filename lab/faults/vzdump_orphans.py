"""Left-overs of a backup that died fill /var/tmp: vzdumptmp<PID>_<VMID>, as Proxmox names them, of a dead pid."""

import re

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

FOLDER = re.compile(r"vzdumptmp(\d+)_(\d+)")
WHERE = "/var/tmp"  # noqa: S108 - in the host, where vzdump really leaves them
LEFT_FREE = 6  # MiB of the 64: some 90 % are used then, above the 85 % at which a guardian speaks
DEAD_PID = 4_190_000  # close to the kernel's highest; a host of the lab has used a few hundred


def leave(host: Inside, pid: int, guest: int, free: int = LEFT_FREE) -> str:
    """Make the temporary folder of a backup of `guest` by `pid`, last touched nine hours ago; return its path."""
    folder = f"{WHERE}/vzdumptmp{pid}_{guest}"
    host.write(f"{folder}/etc/vzdump/pct.conf", f"arch: amd64\nhostname: ct{guest}\nostype: debian\n")
    size = int(host.out("df", "--output=avail", "--block-size=1M", WHERE).split()[-1]) - free
    host.run("fallocate", f"--length={max(size, 1)}MiB", f"{folder}/vzdump-lxc-{guest}.tar.zst.dat")
    host.run("find", folder, "-exec", "touch", "--date=9 hours ago", "{}", "+")
    return folder


def abandoned(host: Inside) -> list[str]:
    """Folders of backups whose process is gone, or is no vzdump."""
    found = []
    for path in sorted((host.root / WHERE.lstrip("/")).glob("vzdumptmp*")):
        match = FOLDER.fullmatch(path.name)
        if match and command(host, int(match[1])) != "vzdump":
            found.append(f"{WHERE}/{path.name}")
    return found


def command(host: Inside, pid: int) -> str:
    """The name of a process of the host; empty when there is none."""
    try:
        return host.read(f"/proc/{pid}/comm").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _inject(host: Inside) -> None:
    leave(host, DEAD_PID, 105)


def _look(host: Inside) -> Look:
    full = f"{WHERE} is {_facts.used(host, WHERE):.0f} % full"
    if folders := abandoned(host):
        return present(f"{', '.join(folders)} of no running vzdump; {full}")
    return absent(f"no folder of a dead vzdump; {full}")


def _heal(host: Inside) -> None:
    if folders := abandoned(host):
        host.run("rm", "-rf", *folders)


FAULT = Fault("vzdump-orphans", "left-overs of a dead backup fill /var/tmp above 85 %", _inject, _look, _heal)
