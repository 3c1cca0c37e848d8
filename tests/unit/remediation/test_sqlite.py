import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.sqlite import Database, open_database
from aiops.errors import LedgerBusyError, SettingsError

STRANGER = """
import sys
from pathlib import Path
from aiops.adapters.sqlite import open_database
database = open_database(Path(sys.argv[1]), "executions")
print(*(row[0] for row in database.execute("SELECT nonce FROM nonces ORDER BY nonce")))
database.close()
"""

FAMILY = """
import os, signal, sys
from pathlib import Path
from aiops.adapters.sqlite import open_database
path = Path(sys.argv[1])
parent = os.getpid()
held = open_database(path, "executions")  # as a thread of a worker's main process does
if os.fork() == 0:
    own = open_database(path, "executions")
    os.kill(os.getppid(), signal.SIGKILL)
    while os.getppid() == parent:
        pass
    print("the child is alone", flush=True)
    sys.stdin.readline()
    own.execute("INSERT INTO nonces VALUES ('late', 'd')")
    print("written", flush=True)
    os._exit(0)
signal.pause()
"""
BLOCK = """
import os, sys, threading
from pathlib import Path
from aiops.adapters.sqlite import open_database
path = Path(sys.argv[1])
database = open_database(path, "executions")
inside, leave = threading.Event(), threading.Event()
def write():
    with database.writing() as cursor:
        cursor.execute("INSERT INTO nonces VALUES ('a', 'd')")
        inside.set()
        leave.wait()
        print("left", flush=True)
threading.Thread(target=write).start()
inside.wait()
threading.Timer(0.2, leave.set).start()
if os.fork() == 0:
    (count,) = open_database(path, "executions").execute("SELECT count(*) FROM nonces").fetchone()
    print("child", count, flush=True)
    os._exit(0)
os.wait()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger" / "executions.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = open_database(path, "executions")
    yield opened
    opened.close()


def insert(database: Database, nonce: str) -> None:
    with database.writing() as cursor:
        cursor.execute("INSERT INTO nonces VALUES (?, 'd')", (nonce,))


def count(database: Database) -> int:
    with database.reading() as cursor:
        (number,) = cursor.execute("SELECT count(*) FROM nonces").fetchone()
    return int(number)


def seen_by_another_process(path: Path) -> list[str]:
    """What a command line finds: a process that opens the ledger, looks, closes it, and so may be the last to close it."""
    done = subprocess.run([sys.executable, "-c", STRANGER, str(path)], check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_it_is_created_with_its_folder_and_readable_by_its_owner_only(database: Database, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_it_is_its_owners_only_behind_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    open_database(tmp_path / "link.db", "executions").close()
    assert (tmp_path / "real.db").stat().st_mode & 0o777 == 0o600


def test_a_block_inside_a_block_is_durable_only_when_the_outer_one_has_ended(database: Database, path: Path) -> None:
    other = open_database(path, "executions")
    with database.writing():
        insert(database, "a")
        insert(database, "b")
        assert count(database) == 2
        assert count(other) == 0
    assert count(other) == 2
    other.close()


def test_what_an_outer_block_wrote_inside_is_taken_back_when_it_fails(database: Database) -> None:
    def fail() -> None:
        with database.writing():
            insert(database, "a")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()

    assert count(database) == 0
    insert(database, "a")
    assert count(database) == 1


def test_another_thread_waits_for_the_outer_block(database: Database) -> None:
    thread = threading.Thread(target=insert, args=(database, "theirs"))
    with database.writing():
        insert(database, "ours")
        thread.start()
        assert count(database) == 1
    thread.join(5)

    assert count(database) == 2


def test_it_survives_a_power_cut_by_its_settings(database: Database) -> None:
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_opening_it_again_keeps_what_was_written(database: Database, path: Path) -> None:
    insert(database, "n")
    again = open_database(path, "executions")
    assert count(again) == 1
    again.close()


def test_an_error_inside_leaves_nothing_written(database: Database) -> None:
    def fail() -> None:
        with database.writing() as cursor:
            cursor.execute("INSERT INTO nonces VALUES ('n', 'd')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert count(database) == 0


def test_threads_share_it(database: Database) -> None:
    threads = [threading.Thread(target=insert, args=(database, f"n{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 20


def test_a_lock_held_by_another_process_says_what_to_do(database: Database, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database.execute("PRAGMA busy_timeout=10")
    with pytest.raises(LedgerBusyError, match=r"locked.*Another process holds it"):
        insert(database, "n")
    other.close()


def test_a_full_disk_says_what_to_do_and_writes_nothing(database: Database) -> None:
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerBusyError, match=r"full.*Free space"):
        insert(database, "n" * 100_000)
    assert count(database) == 0


def test_a_read_only_database_says_what_to_do(database: Database) -> None:
    database.execute("PRAGMA query_only=ON")
    with pytest.raises(LedgerBusyError, match="write access"):
        insert(database, "n")


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerBusyError, match="write access"):
        open_database(tmp_path / "file" / "x.db", "executions")


def test_a_file_that_is_no_database_is_for_a_human(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(SettingsError, match="restore it"):
        open_database(tmp_path / "x.db", "executions")


def test_a_database_of_a_newer_version_is_refused(database: Database, path: Path) -> None:
    database.execute("PRAGMA user_version=999")
    with pytest.raises(SettingsError, match="newer than this program"):
        open_database(path, "executions")


def test_it_is_not_carried_over_a_fork(database: Database) -> None:
    database.owner = os.getpid() + 1
    with pytest.raises(RuntimeError, match="before a fork"):
        insert(database, "n")


def test_a_process_that_comes_and_goes_takes_nothing_from_one_that_opened_it_twice(
    database: Database, path: Path
) -> None:
    second = open_database(path, "executions")
    insert(database, "a")
    assert seen_by_another_process(path) == ["a"]
    insert(database, "b")
    insert(second, "c")
    assert seen_by_another_process(path) == ["a", "b", "c"]
    second.close()


def test_a_child_keeps_what_it_wrote_when_its_parent_has_gone(path: Path) -> None:
    family = subprocess.Popen(
        [sys.executable, "-c", FAMILY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with family:
        assert family.stdin
        assert family.stdout
        assert family.stdout.readline() == "the child is alone\n"
        assert seen_by_another_process(path) == []
        family.stdin.write("write\n")
        family.stdin.flush()
        assert family.stdout.readline() == "written\n"
        assert seen_by_another_process(path) == ["late"]


def test_a_fork_waits_until_no_thread_is_in_the_middle_of_a_block(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK, str(path)], capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stdout.split()) == (0, ["left", "child", "1"]), done.stderr
