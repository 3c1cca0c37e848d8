"""Copies of the ledgers: whole while somebody writes, refused when they were changed, never put over a ledger in use."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.ledger_copies import LedgerCopies
from aiops.domain.fact import utcnow
from aiops.errors import LedgerBusyError, RefusedError, UnknownError
from tests.plans import approved_now

PLANS = 60


def copies(folder: Path) -> LedgerCopies:
    return LedgerCopies({name: folder / f"{name}.sqlite" for name in ("incidents", "executions")})


def _write(path: Path, begun: Any, stop: Any) -> None:
    ledger = SqliteExecutionLedger(path)
    number = 0
    while not stop.is_set():
        number += 1
        ledger.receive(approved_now(id=f"p{number}", hosts=(f"h{number}",)), utcnow())
        if number == PLANS:
            begun.set()
    ledger.close()


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A folder whose ledger another process writes into all the time."""
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    writer = context.Process(target=_write, args=(tmp_path / "executions.sqlite", begun, stop))
    writer.start()
    assert begun.wait(60)
    yield tmp_path
    stop.set()
    writer.join(60)
    assert writer.exitcode == 0, "the writer noticed nothing"


def test_a_copy_of_a_ledger_in_use_is_whole_and_the_writer_goes_on(busy: Path) -> None:
    manifest = copies(busy).copy(busy / "backup")

    (kept,) = manifest.ledgers
    assert kept.name == "executions"
    assert copies(busy).check(busy / "backup").ledgers == manifest.ledgers
    with closing(sqlite3.connect(busy / "backup" / kept.file)) as copy:
        (plans,) = copy.execute("SELECT count(*) FROM plans").fetchone()
        (lines,) = copy.execute("SELECT count(*) FROM audit WHERE line LIKE '%plan received%'").fetchone()
    assert plans == lines >= PLANS
    assert (busy / "backup" / kept.file).stat().st_mode & 0o777 == 0o600


def test_a_ledger_in_use_is_not_replaced(busy: Path) -> None:
    manifest = copies(busy).copy(busy / "backup")
    with pytest.raises(LedgerBusyError), copies(busy).put_back(busy / "backup", manifest.ledgers[0], over=True):
        pytest.fail("it was given a working copy")
    assert not list(busy.glob("*.before-*"))


def test_what_comes_back_takes_its_place_only_when_the_block_ends_well(tmp_path: Path) -> None:
    SqliteExecutionLedger(tmp_path / "executions.sqlite").close()
    manifest = copies(tmp_path).copy(tmp_path / "backup")
    (tmp_path / "executions.sqlite").unlink()

    with (
        pytest.raises(ZeroDivisionError),
        copies(tmp_path).put_back(tmp_path / "backup", manifest.ledgers[0], over=False),
    ):
        raise ZeroDivisionError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"]

    with (
        copies(tmp_path).put_back(tmp_path / "backup", manifest.ledgers[0], over=False) as place,
        closing(SqliteExecutionLedger(place)) as ledger,
    ):
        ledger.begin_epoch(utcnow())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "executions.sqlite"]
    with closing(sqlite3.connect(tmp_path / "executions.sqlite")) as back:
        assert back.execute("SELECT epoch FROM fences").fetchone() == (2,)


def test_a_ledger_that_is_there_is_set_aside_and_never_deleted(tmp_path: Path) -> None:
    SqliteExecutionLedger(tmp_path / "executions.sqlite").close()
    manifest = copies(tmp_path).copy(tmp_path / "backup")
    with (
        pytest.raises(RefusedError, match="--over"),
        copies(tmp_path).put_back(tmp_path / "backup", manifest.ledgers[0], over=False),
    ):
        pytest.fail("it was given a working copy")
    with copies(tmp_path).put_back(tmp_path / "backup", manifest.ledgers[0], over=True):
        pass
    assert len(list(tmp_path.glob("executions.sqlite.before-*"))) == 1


@pytest.mark.parametrize("harm", ["a bit", "the file", "the manifest", "its text"])
def test_a_backup_that_is_not_what_was_written_is_refused(tmp_path: Path, harm: str) -> None:
    SqliteExecutionLedger(tmp_path / "executions.sqlite").close()
    backup = tmp_path / "backup"
    copies(tmp_path).copy(backup)
    file = backup / "executions.sqlite"
    if harm == "a bit":
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 1
        file.write_bytes(whole)
    elif harm == "the file":
        file.unlink()
    elif harm == "the manifest":
        (backup / "manifest.json").unlink()
    else:
        (backup / "manifest.json").write_text("{}")
    with pytest.raises((RefusedError, UnknownError)):
        copies(tmp_path).check(backup)


def test_a_container_without_a_ledger_and_a_folder_that_is_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownError, match="right container"):
        copies(tmp_path).copy(tmp_path / "backup")
    SqliteExecutionLedger(tmp_path / "executions.sqlite").close()
    (tmp_path / "backup").mkdir()
    with pytest.raises(RefusedError, match="never written over"):
        copies(tmp_path).copy(tmp_path / "backup")
