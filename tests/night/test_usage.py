"""The agent's own database: real SQLite files in every state that a workstation may have them in."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aiops.adapters.usage_db import read_usage
from aiops.errors import LedgerBusyError, SettingsError
from tests.night.usage import usage_db

TWO_HOURS = ("2026-11-20T10:00:00.000Z", "2026-11-20T12:00:00.000Z", 100, 50, 800, 100)


@pytest.mark.parametrize("log", ["rollback", "wal"])
def test_the_sums_of_all_sessions_leave_and_nothing_is_written(tmp_path: Path, log: str) -> None:
    path = usage_db(tmp_path / "usage.db", TWO_HOURS, TWO_HOURS, wal=log == "wal")
    before = path.read_bytes()
    sums = read_usage(path)
    assert (sums.sessions, sums.hours, sums.cache_hit, sums.tokens) == (2, 4.0, 80.0, 2100)
    assert "secret" not in sums.model_dump_json()
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["usage.db"]


def test_it_is_read_while_the_agent_has_it_open(tmp_path: Path) -> None:
    path = usage_db(tmp_path / "usage.db", TWO_HOURS, wal=True)
    with closing(sqlite3.connect(path)) as agent:
        agent.execute("UPDATE sessions SET total_input_tokens = 200")
        agent.commit()
        assert read_usage(path).tokens_input == 200


def test_an_empty_one_has_sums_of_nothing(tmp_path: Path) -> None:
    sums = read_usage(usage_db(tmp_path / "usage.db"))
    assert (sums.sessions, sums.tokens, sums.cache_hit) == (0, 0, None)


@pytest.mark.slow
def test_a_locked_one_says_so(tmp_path: Path) -> None:
    path = usage_db(tmp_path / "usage.db", TWO_HOURS)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerBusyError, match="somebody writes to it"):
            read_usage(path)


def test_a_missing_one_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        read_usage(tmp_path / "usage.db")


@pytest.mark.parametrize(
    "content", [b"this is no database at all, only words", b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_corrupt_one_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "usage.db"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read as a usage database"):
        read_usage(path)


def test_a_damaged_page_says_so(tmp_path: Path) -> None:
    path = usage_db(tmp_path / "usage.db", *[TWO_HOURS] * 200)
    whole = bytearray(path.read_bytes())
    whole[4096 * 2 :] = b"\x5a" * (len(whole) - 4096 * 2)
    path.write_bytes(bytes(whole))
    with pytest.raises(SettingsError, match="cannot be read as a usage database"):
        read_usage(path)


@pytest.mark.parametrize("statement", ["CREATE TABLE other (a)", "CREATE TABLE sessions (session_id TEXT)"])
def test_another_programs_database_says_so(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "usage.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(statement)
    with pytest.raises(SettingsError, match="is it another program's"):
        read_usage(path)


def test_text_where_figures_should_be_says_so(tmp_path: Path) -> None:
    path = usage_db(tmp_path / "usage.db", TWO_HOURS)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE sessions SET total_input_tokens = -5")
        database.commit()
    with pytest.raises(SettingsError, match="no figures"):
        read_usage(path)
