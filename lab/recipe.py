"""What a base is made of: Debian's packages, the lab's own apt repository, a few files, and what is switched off."""

import hashlib
import inspect
import shutil
import sys
from pathlib import Path

from lab import repository, sources
from lab.run import run

PACKAGES = (
    "age",
    "at",
    "ca-certificates",
    "cron",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "less",
    "libpam-systemd",
    "logrotate",
    "nginx-light",
    "openssh-server",
    "openssl",
    "procps",
    "psmisc",
    "python3",
    "python3-apt",
    "rsyslog",
    "sudo",
    "systemd",
    "systemd-sysv",
)
FILES = Path(__file__).parent / "files"
APT_SOURCE = "deb [trusted=yes] file:/srv/lab-apt ./\n"
# A container has no clock, kernel modules or disks of its own; and no outside for apt's daily work to reach.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty@.service",
    "console-getty.service",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "ssh.socket",
)


def digest() -> str:
    """A digest of everything a base is made from; a base of another recipe is never used."""
    made_of = hashlib.sha256()
    for module in (sys.modules[__name__], repository):
        made_of.update(inspect.getsource(module).encode())
    for path in [*sorted(FILES.rglob("*")), *sorted(repository.PACKAGES.rglob("*"))]:
        if path.is_file():
            made_of.update(path.name.encode() + path.read_bytes())
    return made_of.hexdigest()[:16]


def bootstrap(release: str, root: Path) -> None:
    """Install Debian into the new folder `root`, fully upgraded. Raises CommandError."""
    # On Debian before 12 /bin is a folder of its own unless asked for otherwise.
    merged = ["--setup-hook=/usr/share/mmdebstrap/hooks/merged-usr/setup00.sh"] if release == "bullseye" else []
    run(
        # mmdebstrap mounts /proc and more below the root; a namespace of its own takes them along when it is killed.
        "unshare",
        "--mount",
        "--propagation=private",
        "mmdebstrap",
        *merged,
        "--mode=root",
        "--format=directory",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        '--customize-hook=chroot "$1" apt-get --yes full-upgrade',
        "",
        str(root),
        "-",
        stdin=sources.adapted(release),
        timeout=560,
    )


def customise(root: Path) -> None:
    """Make a host's lowest layer out of a fresh Debian. Raises CommandError."""
    architecture = run("dpkg", "--print-architecture").out.strip()
    repository.build(root / "srv/lab-apt", architecture, root)
    for path in [root / "etc/apt/sources.list", *(root / "etc/apt/sources.list.d").glob("*")]:
        path.unlink(missing_ok=True)
    (root / "etc/apt/sources.list").write_text(APT_SOURCE, encoding="ascii")
    for source in sorted(FILES.rglob("*")):
        target = root / source.relative_to(FILES)
        if source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copy(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()  # each host gets its own
    (root / "etc/machine-id").write_text("", encoding="ascii")
    for folder in ("srv/data", "etc/ssl/lab"):
        (root / folder).mkdir()
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    chroot(root, "apt-get", "update", "-q")
    chroot(
        root, "systemctl", "enable", "ssh.service", "nginx.service", "cron.service", "atd.service", "rsyslog.service"
    )


def chroot(root: Path, *argv: str, stdin: str = "") -> str:
    """Run `argv` with `root` as its root and return its standard output. Raises CommandError."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return run("chroot", str(root), *argv, stdin=stdin, env=env).out


def installed(root: Path) -> dict[str, str]:
    """Packages and their versions. Raises CommandError."""
    lines = chroot(root, "dpkg-query", "--show").splitlines()
    return {name: version for name, _, version in (line.partition("\t") for line in lines)}
