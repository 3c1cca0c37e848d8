"""The one process of a lab: it holds the network, the overlays and the hosts, and all of them end with it.

`up` starts it with the spec as the first line on its standard input. It answers with one line of JSON when every host
has booted, and waits for `go`; when `up` dies before it says so, the keeper ends too, and nothing stays half-built.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups, network, seed
from lab.errors import LabError
from lab.kernel import (
    CLONE_NEWNS,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    mount,
    unmount,
    unshare,
)
from lab.model import Host, Spec

GO = "go"
BOOT_WAIT = 90.0  # seconds for all hosts; measured: 1 s for three, 20 s for sixty on two busy cores
REBOOT = 133  # systemd-nspawn ends so when the host rebooted and `--keep-unit` is given
DISK = "1g"  # each host's root is a tmpfs of this size over the base: a disk that can really be full
TMPFS = (
    "/var/tmp:mode=1777,size=64m",  # noqa: S108 - where vzdump leaves its orphans; the disk faults fill it
    "/srv/data:mode=0755,size=16m,nr_inodes=2k",
)


@dataclass(frozen=True)
class Place:
    """Where a host's file system is mounted and which network it sees."""

    root: Path
    notify: Path
    console: Path
    network: int

    def said(self) -> str:
        """The end of what the host's console printed."""
        return self.console.read_text(encoding="utf-8", errors="replace")[-1500:]


def private_mounts() -> None:
    """Give this process a mount namespace of its own, in which cgroup2 is all there is below /sys/fs/cgroup.

    systemd 257 refuses to boot on legacy control groups; unmounting them here changes nothing outside.
    """
    unshare(CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    if cgroups.hierarchy() != Path("/sys/fs/cgroup"):
        unmount("/sys/fs/cgroup")
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2")
    # systemd-nspawn leaves lock files here when it is killed.
    Path("/run/systemd").mkdir(exist_ok=True)
    mount("tmpfs", "/run/systemd", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")


def layers(spec: Spec) -> Path:
    """Mount the lab's workspace, prepare the layer all hosts share, and return the folder the hosts go into."""
    hosts = Path(spec.folder) / "hosts"
    mount("tmpfs", hosts, "tmpfs", 0, "mode=0755,size=64m")
    common = hosts / ".common"
    _overlay(common, spec.base)
    seed.common(common / "root", spec)
    unmount(common / "root")
    return hosts


def prepare(hosts: Path, host: Host, lower: str) -> Path:
    """Mount the host's disk and root and give it its identity; return the root."""
    disk = hosts / host.name
    disk.mkdir()
    mount("tmpfs", disk, "tmpfs", 0, f"mode=0755,size={DISK}")
    _overlay(disk, lower)
    seed.identity(disk / "root", host)
    return disk / "root"


def _overlay(place: Path, lower: str) -> None:
    for part in ("upper", "work", "root"):
        (place / part).mkdir(parents=True)
    mount("overlay", place / "root", "overlay", 0, f"lowerdir={lower},upperdir={place}/upper,workdir={place}/work")


async def boot(spec: Spec, host: Host, place: Place, ready: asyncio.Future[None]) -> None:
    """Run the host until it powers off, again after each reboot; `ready` is set when it has booted once."""
    loop = asyncio.get_running_loop()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(place.notify))
    notify.setblocking(False)  # noqa: FBT003 - the standard library's own signature

    def heard() -> None:
        if b"READY=1" in notify.recv(4096).split(b"\n") and not ready.done():
            ready.set_result(None)

    loop.add_reader(notify, heard)
    while True:
        process = await _nspawn(spec, host, place)
        status = await process.wait()
        if not ready.done():
            ready.set_exception(
                LabError(f"{host.name} did not boot (systemd-nspawn ended with {status}): {place.said()}")
            )
        if status != REBOOT:
            return


async def _nspawn(spec: Spec, host: Host, place: Place) -> asyncio.subprocess.Process:
    net = f"/proc/{os.getpid()}/fd/{place.network}"
    argv = (
        "nsenter",  # /sys shows the network systemd-nspawn itself is in, not the one it gives the host
        f"--net={net}",
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        "--notify-ready=yes",
        f"--machine=aiops-lab.{spec.name}.{host.name}",
        f"--hostname={host.name}",
        f"--directory={place.root}",
        f"--network-namespace-path={net}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
        *(f"--tmpfs={line}" for line in TMPFS),
    )
    group = cgroups.LabGroup(spec.slot, spec.name)
    # A child is born into its parent's control group: going there and back leaves no moment at which it is elsewhere.
    cgroups.enter(group.host(host.name))
    try:
        with place.console.open("ab") as console:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={
                    "PATH": os.environ["PATH"],
                    "NOTIFY_SOCKET": str(place.notify),
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                },
            )
    finally:
        cgroups.enter(group.host(cgroups.KEEPER))


async def sshd_answers(net: int, host: Host) -> None:
    """Wait until the host's sshd says its banner. Raises LabError when it does not within 10 s."""
    try:
        async with asyncio.timeout(10):
            reader, writer = await network.connect(net, host.inner_address, 22)
            banner = await reader.readline()
            writer.write(b"SSH-2.0-lab\r\n")  # without it sshd logs an error, and every journal would begin with one
            writer.close()
    except OSError as error:
        raise LabError(f"sshd of {host.name} does not answer: {error}") from error
    if not banner.startswith(b"SSH-2.0-"):
        raise LabError(f"sshd of {host.name} said {banner!r}")


async def keep(spec: Spec) -> None:
    """Build the lab, report, and hold it until a signal or the death of `up` ends this process."""
    started = time.monotonic()
    doors = network.listen(spec)
    private_mounts()
    net = network.build()
    networks = {host: network.plug(net, host) for host in spec.hosts}
    hosts = layers(spec)
    lower = f"{hosts}/.common/upper:{spec.base}"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        roots = dict(zip(spec.hosts, pool.map(lambda host: prepare(hosts, host, lower), spec.hosts), strict=True))
    loop = asyncio.get_running_loop()
    running: list[asyncio.Task[None]] = []
    booted: dict[Place, asyncio.Future[None]] = {}
    for host, root in roots.items():
        place = Place(root, root.parent / "notify", Path(spec.folder) / f"console-{host.name}.log", networks[host])
        booted[place] = loop.create_future()
        running.append(asyncio.create_task(boot(spec, host, place, booted[place])))
    try:
        async with asyncio.timeout(BOOT_WAIT):
            await asyncio.gather(*booted.values())
    except TimeoutError as error:
        late = next(place for place, ready in booted.items() if ready.cancelled() or not ready.done())
        raise LabError(f"no boot within {BOOT_WAIT:g} s, {late.console.name} ends: {late.said()}") from error
    await asyncio.gather(*(sshd_answers(net, host) for host in spec.hosts))
    serving = asyncio.create_task(network.forward(net, doors))
    _say(
        {
            "pid": os.getpid(),
            "boot_seconds": round(time.monotonic() - started, 2),
            "authority": (hosts / ".common/upper" / seed.AUTHORITY).read_text(encoding="ascii"),
            "host_keys": {host.name: seed.public_host_key(root) for host, root in roots.items()},
        }
    )
    if (await loop.run_in_executor(None, sys.stdin.readline)).strip() == GO:
        _silence()
        await serving


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _silence() -> None:
    """Let go of the pipes to `up`: whoever reads its output to the end must not wait for the lab to end."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)


def main() -> None:
    """Read the spec and keep the lab; a failure is one line of JSON for `up`."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    spec = Spec.load(sys.stdin.readline())
    group = cgroups.LabGroup(spec.slot, spec.name)
    cgroups.enter(group.host(cgroups.KEEPER))
    try:
        asyncio.run(keep(spec))
    except (LabError, OSError) as error:
        with contextlib.suppress(BrokenPipeError):
            _say({"error": str(error)})
    finally:
        for host in group.hosts():
            cgroups.destroy(group.host(host))


if __name__ == "__main__":
    main()
