"""Start a program by argv and wait for it; never through a shell."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import CommandError, LabError

# What Debian calls the package that ships each program the lab starts.
PACKAGE_OF = {
    "chroot": "coreutils",
    "dpkg-deb": "dpkg",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "setsid": "util-linux",
    "ssh-keygen": "openssh-client",
    "systemd-nspawn": "systemd-container",
    "unshare": "util-linux",
}


@dataclass(frozen=True)
class Ran:
    """What a program left behind: exit status and its two outputs as text."""

    status: int
    out: str
    err: str


def run(
    *argv: str,
    stdin: str = "",
    check: bool = True,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Ran:
    """Run `argv` to its end and return what it said.

    Raises CommandError when it ends with another status than 0 (unless `check` is false) or takes longer than
    `timeout` seconds, LabError when the program is not installed.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env=None if env is None else dict(env),
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise LabError(missing([argv[0]])) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(argv, -1, f"no end after {timeout:g} s") from error
    if check and done.returncode != 0:
        raise CommandError(argv, done.returncode, done.stderr or done.stdout)
    return Ran(done.returncode, done.stdout, done.stderr)


def missing(programs: list[str]) -> str:
    """A sentence naming the Debian packages that ship `programs`."""
    packages = sorted({PACKAGE_OF.get(program, program) for program in programs})
    return f"{', '.join(programs)} not found: apt-get install --no-install-recommends {' '.join(packages)}"


def requirements() -> list[str]:
    """What keeps the lab from running on this machine, as sentences; empty when nothing does."""
    reasons = []
    if os.geteuid() != 0:
        reasons.append("the lab makes network namespaces and mounts, so it needs root: run it with sudo")
    absent = [program for program in PACKAGE_OF if shutil.which(program) is None]
    if absent:
        reasons.append(missing(absent))
    return reasons


def require() -> None:
    """Raise LabError with every reason of `requirements()`, if there is one."""
    if reasons := requirements():
        raise LabError("; ".join(reasons))
