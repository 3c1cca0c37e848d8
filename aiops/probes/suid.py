"""find and dpkg-query: programs that give their user the rights of their owner, and whether a package brought them."""

import re
from dataclasses import dataclass

from aiops.probes import Probe, UnreadableError


@dataclass(frozen=True)
class Suid:
    """One file; ``package`` is empty when no package owns it."""

    path: str
    package: str


_OWNED = re.compile(r"(?P<package>[a-z0-9][a-z0-9+.:, -]*): (?P<path>/.*)")


def _read(text: str) -> tuple[Suid, ...]:
    paths: set[str] = set()
    owners: dict[str, str] = {}
    for row in text.splitlines():
        if row.startswith("/"):
            paths.add(_merged(row))
        elif match := _OWNED.fullmatch(row):
            owners[_merged(match["path"])] = match["package"]
        elif not row.startswith("diversion "):
            raise UnreadableError(f"dpkg-query printed a row that is none: {row[:120]!r}")
    if paths and not owners:
        raise UnreadableError("dpkg-query knows the owner of no file at all", "look at /var/lib/dpkg")
    return tuple(Suid(path, owners.get(path, "")) for path in sorted(paths))


def _merged(path: str) -> str:
    """One name for a file: Debian 12's packages still say /bin/su for /usr/bin/su."""
    return path.removeprefix("/usr") if path.startswith(("/usr/bin/", "/usr/sbin/", "/usr/lib")) else path


# Both names of merged folders are asked for, because dpkg knows a file by the one in its package. What lies in a folder that this
# account may not enter is out of reach for everybody else, too. Exit code 1: such a folder, or a file that no package owns.
SUID = Probe(
    name="suid-files",
    argv=(
        *("find", "/bin/", "/sbin/", "/lib/", "/", "-xdev", "-type", "f", "-perm", "-4000"),
        *("-print", "-exec", "dpkg-query", "-S", "{}", "+"),
    ),
    read=_read,
    codes=(0, 1),
    seconds=30,
)
