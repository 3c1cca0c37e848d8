"""Copies of our ledgers by SQLite's own backup, while they are in use, and the way back.

A ledger's file is only ever opened by SQLite (``adapters/sqlite.py`` says why); hashes are taken of copies.
"""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from aiops.adapters.sqlite import BUSY_SECONDS
from aiops.domain.copied import CopiedLedger, Manifest
from aiops.domain.fact import utcnow
from aiops.errors import LedgerBusyError, RefusedError, UnknownError
from aiops.ports import Clock

MANIFEST = "manifest.json"
_REMEDY = "Stop the worker that has it open: `systemctl stop aiops-incidents` on CT190, `aiops-remediation` on CT196."


class LedgerCopies:
    """Port ``Copies``."""

    def __init__(self, ledgers: Mapping[str, Path], clock: Clock = utcnow) -> None:
        """``ledgers``: name to file, all that may be on this machine."""
        self._ledgers, self._clock = ledgers, clock

    def copy(self, folder: Path) -> Manifest:
        here = {name: path for name, path in self._ledgers.items() if path.is_file()}
        if not here:
            raise UnknownError("ledger", ", ".join(map(str, self._ledgers.values())), "Is this the right container?")
        if folder.exists():
            raise RefusedError("exists", f"{folder} is there; a backup is never written over")
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        copied = tuple(_copy(name, path, part / f"{name}.sqlite") for name, path in here.items())
        manifest = Manifest(made_at=self._clock(), host=os.uname().nodename, ledgers=copied)
        (part / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        _durable(part / MANIFEST)
        _durable(part)
        part.rename(folder)
        _durable(folder.parent)
        return manifest

    def check(self, folder: Path) -> Manifest:
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
        except OSError as error:
            raise UnknownError("backup", str(folder), f"{MANIFEST}: {error.strerror}") from None
        except (ValidationError, UnicodeDecodeError):
            raise RefusedError("manifest", f"{folder / MANIFEST} is no manifest of a backup") from None
        for ledger in manifest.ledgers:
            _check(folder, ledger)
        return manifest

    @contextmanager
    def put_back(self, folder: Path, ledger: CopiedLedger, *, over: bool) -> Iterator[Path]:
        target = self._ledgers.get(ledger.name)
        if target is None:
            raise UnknownError("ledger", ledger.name)
        if target.exists():
            if not over:
                raise RefusedError("exists", f"{target} is there; --over sets it aside first")
            _unused(target)
        part = target.with_name(f".{target.name}.restoring")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget(part)
        shutil.copyfile(folder / ledger.file, part)
        part.chmod(0o600)
        try:
            yield part
            _unused(part)
            _durable(part)
            if target.exists():
                _unused(target)
                target.rename(target.with_name(f"{target.name}.before-{self._clock():%Y%m%dT%H%M%S}"))
            part.rename(target)
            _durable(target.parent)
        finally:
            _forget(part)


def _copy(name: str, source: Path, target: Path) -> CopiedLedger:
    try:
        with closing(_open(source)) as whole, closing(sqlite3.connect(target)) as copy:
            target.chmod(0o600)
            whole.backup(copy)
            # One file: a backup must not need a log of writes beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise RefusedError("integrity", f"{source} is damaged: {verdict}")
            (version,) = copy.execute("PRAGMA user_version").fetchone()
            line, mark = copy.execute("SELECT n, hash FROM audit_head").fetchone()
    except sqlite3.DatabaseError as error:
        raise LedgerBusyError(str(source), str(error), "Look at its folder and its disk.") from error
    _durable(target)
    return CopiedLedger(
        name=name,
        file=target.name,
        sha256=_digest(target),
        bytes=target.stat().st_size,
        version=version,
        audit_line=line,
        audit_hash=mark,
    )


def _check(folder: Path, ledger: CopiedLedger) -> None:
    file = folder / Path(ledger.file).name
    try:
        digest = _digest(file)
    except OSError as error:
        raise RefusedError("missing", f"{file}: {error.strerror}") from None
    if digest != ledger.sha256:
        raise RefusedError("hash", f"{file} is not the file that was backed up")


def _unused(path: Path) -> None:
    """Make sure that no process has it open, and fold its log of writes into it.

    :raises LedgerBusyError: one has
    """
    try:
        with closing(_open(path, seconds=1.0)) as alone:
            # Asked for before the first read, it takes the whole file or says that somebody else is in it.
            alone.execute("PRAGMA locking_mode=EXCLUSIVE")
            alone.execute("BEGIN EXCLUSIVE")
            alone.execute("COMMIT")
            alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        raise LedgerBusyError(str(path), str(error), _REMEDY) from error


def _open(path: Path, seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=seconds, isolation_level=None)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _forget(part: Path) -> None:
    for left in (part, part.with_name(f"{part.name}-wal"), part.with_name(f"{part.name}-shm")):
        with suppress(FileNotFoundError):
            left.unlink()
