"""What labs that are gone left in the machine: the proof that `down` takes everything back."""

import fcntl
from pathlib import Path

from lab import base, cgroups

_LOOPBACK_PREFIX = "4D7F"  # 127.77 as /proc/net/tcp writes it: the address's bytes in reverse


def find() -> list[str]:
    """Everything of the lab that belongs to no running lab, as sentences."""
    alive = {group.slot: group for group in cgroups.labs() if cgroups.processes(group.host(cgroups.KEEPER))}
    return [*_groups(alive), *_processes(alive), *_listeners(alive), *_mounts(), *_half_built()]


def _groups(alive: dict[int, cgroups.LabGroup]) -> list[str]:
    found = [f"control group {group.path} without its keeper" for group in cgroups.labs() if group.slot not in alive]
    building = [group for group in cgroups.builds() if cgroups.processes(group)]
    if not alive and not building and cgroups.root().is_dir():
        found.append(f"control group {cgroups.root()} although no lab runs")
    return found


def _processes(alive: dict[int, cgroups.LabGroup]) -> list[str]:
    known = {pid for group in alive.values() for pid in cgroups.processes(group.path)}
    names = {group.name for group in alive.values()}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        reaper = argv[1:4] == ["-m", "lab", "reap"] and names.isdisjoint(argv)
        ours = reaper or argv[1:3] == ["-m", "lab.keeper"]
        host = any(argument.startswith("--machine=aiops-lab.") for argument in argv)
        if (ours or host) and int(folder.name) not in known:
            found.append(f"process {folder.name}: {' '.join(argv).strip()}")
    return found


def _listeners(alive: dict[int, cgroups.LabGroup]) -> list[str]:
    found = []
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        local, _, state = line.split()[1:4]
        if local[4:8] == _LOOPBACK_PREFIX and state == "0A" and int(local[2:4], 16) not in alive:  # 0A: listening
            found.append(f"a listener on 127.77.{int(local[2:4], 16)}.{int(local[0:2], 16)}:{int(local[9:], 16)}")
    return found


def _mounts() -> list[str]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [f"mount {line}" for line in lines if "aiops-lab" in line]


def _half_built() -> list[str]:
    found = []
    for partial in base.cache().glob("*-partial"):
        with (base.cache() / f"{partial.name.removesuffix('-partial')}.lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # somebody is building it
            found.append(f"half-built base {partial}")
    return found
