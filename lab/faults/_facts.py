"""Questions several oracles ask, answered inside the host."""

import os
import time
from collections.abc import Callable

from lab.enter import Inside
from lab.errors import CannotLookError, LabError


def package(host: Inside, name: str) -> tuple[str, str]:
    """The two state letters dpkg has for a package, and its version; ("", "") when dpkg does not know it."""
    ran = host.run("dpkg-query", "--show", "--showformat=${db:Status-Abbrev} ${Version}", name, check=False)
    state, _, version = ran.out.partition(" ") if ran.status == 0 else ("", "", "")
    return state.strip(), version.strip()


def installed(host: Inside, name: str) -> bool:
    """Whether the package is unpacked and configured (held or not)."""
    return package(host, name)[0][1:2] == "i"


def install(host: Inside, *packages: str) -> None:
    """apt-get install, with the package's own answer to each question about configuration files."""
    host.run(
        "apt-get", "install", "--yes", "--quiet", "--allow-change-held-packages", "--allow-downgrades",
        "--option=Dpkg::Options::=--force-confmiss", "--option=Dpkg::Options::=--force-confnew", *packages,
    )  # fmt: skip


def purge(host: Inside, *packages: str) -> None:
    """apt-get purge of those among `packages` that dpkg knows."""
    if known := [name for name in packages if package(host, name)[0] not in ("", "un")]:
        host.run("apt-get", "purge", "--yes", "--quiet", "--allow-change-held-packages", *known)


def unit(host: Inside, name: str) -> dict[str, str]:
    """The properties of a unit. Raises CannotLookError when systemd does not answer."""
    ran = host.run("systemctl", "show", name, check=False)
    if ran.status != 0:
        raise CannotLookError(f"systemctl show {name}: {ran.err.strip()}")
    return {key: value for key, _, value in (line.partition("=") for line in ran.out.splitlines())}


def running_from(host: Inside, prefix: str) -> list[tuple[int, str]]:
    """Processes of the host whose binary lies under `prefix`: pid in the host, and where /proc says the binary is."""
    found = []
    proc = host.root / "proc"
    for folder in proc.glob("[0-9]*"):
        try:
            binary = str((folder / "exe").readlink())
        except OSError:
            continue  # a kernel thread, or it ended meanwhile
        if binary.startswith(prefix):
            found.append((int(folder.name), binary))
    return found


def used(host: Inside, path: str) -> float:
    """How full the file system of a folder is, in percent as df counts them."""
    stat = os.statvfs(host.root / path.lstrip("/"))
    taken = stat.f_blocks - stat.f_bfree
    return 100 * taken / (taken + stat.f_bavail)


def wait_until(true: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Ask until it is so. Raises LabError when it is not within `seconds`; the host has no event to offer for it."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise LabError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.05)
