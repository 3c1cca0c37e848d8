"""OpenSSH's ``known_hosts``, read once for all hosts instead of once for each.

Paramiko's own reader compares every line with all before it, and each connection has a client of its own that reads: a thousand
hosts that connect for the first time would compare half a billion names. It also passes over ``@revoked``.
"""

import threading
from pathlib import Path
from typing import Any

import paramiko

_HASHED = "|1|"
_REVOKED = "@revoked"
_PORT = 22


def written(host: str, port: int) -> str:
    """How an address stands in the file: with its port, when that is not OpenSSH's own."""
    return host if port == _PORT else f"[{host}]:{port}"


class KnownHosts:
    """The trusted keys in one file, which is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._plain: dict[str, list[str]] = {}
        self._hashed: dict[str, str] = {}
        self._revoked: frozenset[str] = frozenset()

    def of(self, name: str) -> dict[str, Any]:
        """The keys (``paramiko.PKey``) of one address, as ``written``, by their type; the first of each type counts.

        A key that is revoked for anybody is revoked for all.

        :raises OSError: the file cannot be read
        """
        with self._lock:
            self._read()
            lines = [*self._plain.get(name, ())]
            lines += [line for known, line in self._hashed.items() if paramiko.HostKeys.hash_host(name, known) == known]
            revoked = self._revoked
        keys: dict[str, Any] = {}
        for line in lines:
            key = _key(line)
            if key is not None and key.get_base64() not in revoked:
                keys.setdefault(key.get_name(), key)
        return keys

    def _read(self) -> None:
        found = self._path.stat()
        stamp = found.st_mtime_ns, found.st_size, found.st_ino
        if stamp == self._stamp:
            return
        plain: dict[str, list[str]] = {}
        hashed: dict[str, str] = {}
        revoked = set()
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            fields = line.split()
            if fields[:1] == [_REVOKED]:
                revoked.update(fields[3:4])
            elif fields and not fields[0].startswith(("#", "@")):
                for name in fields[0].split(","):
                    if name.startswith(_HASHED):
                        hashed[name] = " ".join(fields)
                    else:
                        plain.setdefault(name, []).append(" ".join(fields))
        self._plain, self._hashed, self._revoked, self._stamp = plain, hashed, frozenset(revoked), stamp


def _key(line: str) -> Any:
    """The key of a line; None for one that is broken or of a kind paramiko does not know."""
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
    except (paramiko.SSHException, paramiko.hostkeys.InvalidHostKey, ValueError):
        return None
    return None if entry is None else entry.key
