"""The machine of the campaigns does what it says: the clock is wrong as told, and a cut takes back what was not synced."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.machine import Machine, compiler

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not compiler(), reason="no C compiler: apt install gcc libc6-dev")]

_COMMIT = """\
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA wal_autocheckpoint=4")
for number, level in enumerate(sys.argv[2:]):
    db.execute(f"PRAGMA synchronous={level}")
    db.execute("CREATE TABLE IF NOT EXISTS t (n)")
    db.execute("INSERT INTO t VALUES (?)", (number,))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("m") / "machine")


def run(machine: Machine, *words: str) -> str:
    command = [sys.executable, "-c", *words]
    environment = {**os.environ, **machine.environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as ledger:
        return [n for (n,) in ledger.execute("SELECT n FROM t ORDER BY n")]


@pytest.mark.parametrize("seconds", [3600, -3600, 0])
def test_the_wall_clock_is_wrong_by_so_much_and_the_monotonic_one_is_right(machine: Machine, seconds: int) -> None:
    machine.set_clock(seconds)
    wall, steady = map(float, run(machine, "import time; print(time.time(), time.monotonic())").split())
    machine.set_clock(0)
    assert abs(wall - time.time() - seconds) < 60
    assert abs(steady - time.monotonic()) < 60


@pytest.mark.parametrize(
    ("levels", "left"),
    [
        (["FULL", "FULL", "FULL"], [0, 1, 2]),
        (["FULL", "FULL", "OFF"], [0, 1]),
        (["FULL"] * 9, list(range(9))),
        ([*["FULL"] * 9, "OFF"], list(range(9))),
    ],
)
def test_a_power_cut_keeps_what_was_synced_and_takes_the_rest(
    machine: Machine, tmp_path: Path, levels: list[str], left: list[int]
) -> None:
    ledger = tmp_path / "x.sqlite"
    run(machine, _COMMIT, str(ledger), *levels)
    machine.lose_what_was_not_synced([ledger, ledger.with_name("x.sqlite-wal")])
    ledger.with_name("x.sqlite-shm").unlink(missing_ok=True)
    assert rows(ledger) == left
