"""Opens the SQLite databases behind our ledgers: durable, migrated, and with errors a human can act on.

    database = open_database(path, "executions")
    with database.writing() as cursor:      # BEGIN IMMEDIATE ... COMMIT; rolled back when anything is raised
        cursor.execute("UPDATE ...")
    with database.reading() as cursor:      # one consistent snapshot
        rows = cursor.execute("SELECT ...").fetchall()

A block inside a block belongs to the outer one: nothing of it is durable before that ends.
Threads may share one ``Database``: both contexts hold its lock. Processes may not: open it again after a fork.

SQLite keeps a file's locks per process, and so does the kernel: closing any other descriptor of the file drops them all, and a
forked child believes that it has its parent's. Without them the next process that closes the file thinks it is the last, removes
the log of writes, and what is written afterwards is lost. So the file is never opened beside SQLite, and no connection crosses a
fork (https://www.sqlite.org/howtocorrupt.html, 2.2 and 2.6).
"""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import RLock
from weakref import WeakSet

from aiops.errors import LedgerBusyError, SettingsError

BUSY_SECONDS = 5.0
"""How long a statement waits for another process's write: a commit takes milliseconds, so five seconds is a fault."""

_MIGRATION = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Another process holds it: look for a backup or an open sqlite3 shell.",
    sqlite3.SQLITE_LOCKED: "Another process holds it: look for a backup or an open sqlite3 shell.",
    sqlite3.SQLITE_FULL: "Free space on its file system; nothing was written.",
    sqlite3.SQLITE_READONLY: "Give this process's user write access to the file and its folder.",
    sqlite3.SQLITE_CANTOPEN: "Give this process's user write access to the folder.",
    sqlite3.SQLITE_PERM: "Give this process's user write access to the file and its folder.",
    sqlite3.SQLITE_IOERR: "Look at the disk: dmesg, smartctl, free space.",
}


class Database(sqlite3.Connection):
    """A connection that keeps its place, its lock and its owner."""

    path: Path
    lock: RLock
    owner: int

    def __del__(self) -> None:
        """Close when nobody uses it any more, as Python did before 3.13 without a warning."""
        self.close()

    def reading(self) -> AbstractContextManager[sqlite3.Cursor]:
        """One consistent snapshot.

        :raises LedgerBusyError: on leaving or inside, when the database cannot be read now
        """
        return _transaction(self, "BEGIN")

    def writing(self) -> AbstractContextManager[sqlite3.Cursor]:
        """The write lock from the first statement on; durable when the block has ended.

        :raises LedgerBusyError: locked, read-only, or the disk is full; nothing was written
        """
        return _transaction(self, "BEGIN IMMEDIATE")


class _Forks:
    """Lets a process fork only between blocks, and gives its child a SQLite that holds nothing."""

    def __init__(self) -> None:
        self.opening = RLock()
        self._open: WeakSet[Database] = WeakSet()
        self._held = ExitStack()

    def add(self, database: Database) -> None:
        self._open.add(database)

    def before(self) -> None:
        """Wait for every block of other threads: a lock inside SQLite that one of them holds stays locked in the child."""
        while busy := self._hold():
            # Holding nothing meanwhile: a thread inside a block may want to open another database.
            with busy:
                pass

    def _hold(self) -> "RLock | None":
        """Take every lock, or none and return the one that somebody has."""
        with ExitStack() as held:
            for lock in (self.opening, *(database.lock for database in list(self._open))):
                if not lock.acquire(blocking=False):
                    return lock
                held.callback(lock.release)
            self._held = held.pop_all()
        return None

    def in_parent(self) -> None:
        self._held.close()

    def in_child(self) -> None:
        """Closing reaches no lock of the parent's; a block that the forking thread is in would be undone under its feet."""
        for database in list(self._open):
            if not database.in_transaction:
                database.close()
        self._open.clear()
        self._held.close()


_forks = _Forks()
os.register_at_fork(before=_forks.before, after_in_parent=_forks.in_parent, after_in_child=_forks.in_child)


def open_database(path: Path, migrations: str) -> Database:
    """Open or create the database (mode 0600) and bring it to the newest version of ``adapters/migrations/<migrations>``.

    WAL with ``synchronous=FULL``: what was committed survives a power cut.

    :raises LedgerBusyError: it cannot be written now; the error says what to do
    :raises SettingsError: it is no database, or a newer version of this program wrote it
    """
    with _forks.opening, _translated(path), _one_opener(path):
        with suppress(FileExistsError):
            os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Database
        )
        database.path, database.lock, database.owner = path, RLock(), os.getpid()
        _forks.add(database)
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
                database.execute(f"PRAGMA {pragma}")
            _migrate(database, migrations)
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def _transaction(database: Database, begin: str) -> Iterator[sqlite3.Cursor]:
    if database.owner != os.getpid():
        msg = f"{database.path} was opened before a fork; open it again in this process"
        raise RuntimeError(msg)
    with database.lock, _translated(database.path):
        cursor = database.cursor()
        if database.in_transaction:
            with closing(cursor):  # inside a block of this very thread: it commits, or takes all of it back
                yield cursor
            return
        cursor.execute(begin)
        try:
            yield cursor
            cursor.execute("COMMIT")
        finally:
            if database.in_transaction:
                database.rollback()
            cursor.close()


@contextmanager
def _one_opener(path: Path) -> Iterator[None]:
    """Switching a new file to WAL does not wait for its turn, so openers queue up at the folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise SettingsError(str(path), f"{error}; restore it from the backup") from error
        if code not in _REMEDIES:
            raise
        raise LedgerBusyError(str(path), str(error), _REMEDIES[code]) from error
    except OSError as error:
        remedy = "Give this process's user write access to the folder, and look at its free space."
        raise LedgerBusyError(str(path), error.strerror or str(error), remedy) from error


def _migrate(database: Database, migrations: str) -> None:
    steps = _migrations(migrations)
    newest = max(steps)
    for number, step in steps.items():
        with database.writing() as cursor:
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
            if version > newest:
                raise SettingsError(
                    str(database.path), f"version {version} is newer than this program, which knows {newest}"
                )
            if version >= number:
                continue
            for statement in _statements(step.read_text(encoding="utf-8")):
                cursor.execute(statement)
            cursor.execute(f"PRAGMA user_version = {number:d}")


def _migrations(name: str) -> dict[int, Traversable]:
    """The numbered files in order; a number given twice or a stray file is a mistake of ours.

    :raises SettingsError: the folder does not hold files 0001_x.sql, 0002_y.sql ...
    """
    folder = resources.files("aiops.adapters") / "migrations" / name
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    numbers = [int(match[1]) if (match := _MIGRATION.fullmatch(entry.name)) else -1 for entry in found]
    if not found or -1 in numbers or numbers[0] != 1 or len(set(numbers)) < len(numbers):
        raise SettingsError(f"migrations/{name}", f"expected 0001_x.sql, 0002_y.sql ..., found {numbers}")
    return dict(zip(numbers, found, strict=True))


def _statements(script: str) -> Iterator[str]:
    """One statement at a time: ``executescript`` would commit our transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
