import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.sqlite import Database, open_database
from aiops.errors import LedgerBusyError, SettingsError


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


def test_it_is_created_with_its_folder_and_readable_by_its_owner_only(database: Database, path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


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
