"""The walls around a session: what it can see, who it is, and that nothing of it outlives it.

With bubblewrap it has a file system of its own with the system's programs and our code, read-only, a folder in memory, process
numbers of its own and an empty environment; the kernel ends all of it when its parent dies. Where we are root it is another unix
user too. Without either it has an empty environment and a folder that is removed; the transcript says which it was.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiops.adapters.tether import tied

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_SEEN: Final = (
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ld.so.cache",
    "/etc/alternatives",
)
_HOME_BYTES: Final = 64 * 1024 * 1024
_MEMORY: Final = 2 * 1024 * 1024 * 1024
"""Address space of our own loop, bytes; it needs a tenth of it."""
_LIMITS: Final = (f"--fsize={_HOME_BYTES}", "--nofile=256", "--core=0")
NOBODY: Final = 65534
_TRY_SECONDS: Final = 10


@dataclass(frozen=True)
class Walls:
    """What is used here. ``uid`` is None when the session runs as ourselves."""

    bubblewrap: str
    uid: int | None
    gid: int
    who: str

    @property
    def sentence(self) -> str:
        """In words, for the transcript and for ``aiops doctor``."""
        sees = "sees nothing but system programs and our code" if self.bubblewrap else "UNCONFINED: no bubblewrap here"
        own = self.who if self.uid is not None else "our own unix user"
        return f"{sees}; runs as {own}; empty environment"

    def argv(self, program: Sequence[str], mark: Mapping[str, str], more: Sequence[Path]) -> list[str]:
        """The command that runs ``program`` behind the walls. ``more`` are paths that it may read besides."""
        dropped = [] if self.uid is None else self._drop()
        limited = ["/usr/bin/prlimit", *_LIMITS, *([] if more else [f"--as={_MEMORY}"]), *dropped, *program]
        if not self.bubblewrap:
            return tied(os.getpid(), limited)
        caps = (
            []
            if self.uid is None
            else [w for cap in ("SETUID", "SETGID", "SETPCAP") for w in ("--cap-add", f"CAP_{cap}")]
        )
        reads = dict.fromkeys([sys.base_prefix, sys.prefix, str(_PACKAGE), *map(str, more)])
        own = [] if self.uid is not None else ["--unshare-user"]
        return [
            self.bubblewrap,
            *own,
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            *caps,
            "--ro-bind",
            "/usr",
            "/usr",
            # Bubblewrap makes the folders above a path for itself alone.
            *[word for place in _above(_SEEN) for word in ("--perms", "0755", "--dir", place)],
            *[word for place in _SEEN for word in ("--ro-bind-try", place, place)],
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--perms",
            "1777",
            "--size",
            str(_HOME_BYTES),
            "--tmpfs",
            "/tmp",  # noqa: S108 - its own, in memory
            *[word for place in _above(reads) for word in ("--perms", "0755", "--dir", place)],
            *[word for place in reads for word in ("--ro-bind", place, place) if place != "/usr"],
            "--chdir",
            "/tmp",  # noqa: S108 - as above
            *[word for name, value in environment(Path("/tmp"), mark).items() for word in ("--setenv", name, value)],  # noqa: S108
            *limited,
        ]

    def _drop(self) -> list[str]:
        return [
            "/usr/bin/setpriv",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]


def _above(places: Iterable[str]) -> list[str]:
    """Every folder above one of the places, the upper ones first; /usr and /tmp are there already."""
    above = {parent for place in places for parent in Path(place).parents}
    return [str(one) for one in sorted(above) if str(one) not in {"/", "/tmp"} and not str(one).startswith("/usr")]  # noqa: S108 - its own


def walls(user: str) -> Walls:
    """The best that works here, tried once. ``user`` is the unix user for sessions; where it is missing root becomes nobody."""
    uid, gid, who = _user(user)
    program = shutil.which("bwrap", path="/usr/bin:/bin") or ""
    found = Walls(program, uid, gid, who)
    if program and not _works(found):
        found = Walls("", uid, gid, who)
    return found


def environment(home: Path, mark: Mapping[str, str]) -> dict[str, str]:
    """Everything that a session finds in its environment."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home), **mark}


def _user(user: str) -> tuple[int | None, int, str]:
    if os.geteuid() != 0:
        return None, 0, ""
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        return NOBODY, NOBODY, f"nobody (there is no unix user {user})"
    return found.pw_uid, found.pw_gid, f"the unix user {user}"


def _works(found: Walls) -> bool:
    try:
        argv = found.argv([sys.executable, "-I", "-S", "-c", ""], {}, ())
        tried = subprocess.run(argv, capture_output=True, timeout=_TRY_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0
