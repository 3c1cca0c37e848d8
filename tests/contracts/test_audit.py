"""The audit log of both ledgers: whatever is done to it is seen, and where."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops import steps
from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.incident_ledger import SqliteIncidentLedger
from aiops.adapters.memory_executions import MemoryExecutionLedger
from aiops.domain.audit import AuditLine, Head, Kept, breaks, chained
from aiops.ports import AuditLog
from tests.incident_world import World
from tests.plans import NOON, approved, outcome

DAWN = NOON - timedelta(days=1)
LEDGERS: dict[str, Callable[[Path], AuditLog]] = {
    "incidents": SqliteIncidentLedger,
    "executions": lambda path: SqliteExecutionLedger(path, clock=lambda: DAWN),
}


def filled(name: str, path: Path) -> AuditLog:
    ledger = LEDGERS[name](path)
    for number in range(1, 7):
        ledger.write_down(NOON + timedelta(seconds=number), "marie", f"step {number}", text="who touches this is seen")
    return ledger


def by_hand(path: Path, *statements: str) -> None:
    """As somebody with the file in his hands: the triggers are no hindrance to him."""
    with sqlite3.connect(path) as database:
        for trigger in ("audit_is_not_changed", "audit_is_not_cut"):
            database.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize("name", LEDGERS)
def test_an_untouched_log_holds_in_another_process_too(name: str, tmp_path: Path) -> None:
    filled(name, tmp_path / "ledger")

    again = LEDGERS[name](tmp_path / "ledger")
    assert again.broken() == []
    assert [line.what for line in again.audit()] == [f"step {n}" for n in range(1, 7)]
    assert [line.n for line in again.audit(2)] == [5, 6]
    assert again.audit_head().n == 6


@pytest.mark.parametrize("name", LEDGERS)
def test_a_line_cannot_be_changed_or_removed_through_sql(name: str, tmp_path: Path) -> None:
    filled(name, tmp_path / "ledger")
    with sqlite3.connect(tmp_path / "ledger") as database:
        for statement in ("UPDATE audit SET line = '{}' WHERE n = 2", "DELETE FROM audit WHERE n = 2"):
            with pytest.raises(sqlite3.IntegrityError, match="only appended"):
                database.execute(statement)
    database.close()


SWAP = (
    "UPDATE audit SET n = -2 WHERE n = 2",
    "UPDATE audit SET n = 2 WHERE n = 3",
    "UPDATE audit SET n = 3 WHERE n = -2",
)


@pytest.mark.parametrize("name", LEDGERS)
@pytest.mark.parametrize(
    ("statements", "place"),
    [
        (("UPDATE audit SET line = replace(line, 'marie', 'paul') WHERE n = 4",), 4),
        (("UPDATE audit SET line = 'no JSON at all' WHERE n = 4",), 4),
        (("UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'z') WHERE n = 4",), 4),
        (("DELETE FROM audit WHERE n = 3",), 3),
        (("DELETE FROM audit WHERE n = 1",), 1),
        (("DELETE FROM audit WHERE n IN (2, 3)",), 2),
        (SWAP, 2),
        (("DELETE FROM audit WHERE n = 6",), 5),
        (("DELETE FROM audit",), 0),
        (("DELETE FROM audit_head",), 6),
        (("INSERT INTO audit VALUES (7, '{}', 'x')",), 7),
    ],
    ids=["line", "no JSON", "hash", "one", "first", "two", "order", "end", "all", "head", "added"],
)
def test_whatever_is_done_by_hand_is_found_and_where(
    name: str, statements: tuple[str, ...], place: int, tmp_path: Path
) -> None:
    ledger = filled(name, tmp_path / "ledger")
    by_hand(tmp_path / "ledger", *statements)
    found = ledger.broken()
    assert found[0].n == place


def test_a_log_that_was_cut_and_whose_head_was_forged_is_found_by_a_head_kept_elsewhere(tmp_path: Path) -> None:
    ledger = filled("executions", tmp_path / "ledger")
    head = ledger.audit_head()
    cut = "UPDATE audit_head SET n = 4, hash = (SELECT hash FROM audit WHERE n = 4)"
    by_hand(tmp_path / "ledger", "DELETE FROM audit WHERE n > 4", cut)

    assert ledger.broken() == []
    assert [found.n for found in ledger.broken([head])] == [6]


def chain(texts: list[str]) -> list[Kept]:
    kept: list[Kept] = []
    for n, text in enumerate(texts, start=1):
        line = AuditLine(n=n, at=NOON, who="marie", what="wrote", text=text).written()
        kept.append(Kept(n, line, chained(kept[-1].hash if kept else Head().hash, line)))
    return kept


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_a_chain_written_anew_from_any_line_on_differs_from_every_head_kept_after_it(
    texts: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(texts) - 1))
    anchor = data.draw(st.integers(place, len(texts) - 1))
    honest, forged = chain(texts), chain([*texts[:place], texts[place] + "!", *texts[place + 1 :]])
    ends = Head(forged[-1].n, forged[-1].hash)

    assert list(breaks(forged, ends)) == []
    assert [found.n for found in breaks(forged, ends, [Head(honest[anchor].n, honest[anchor].hash)])] == [anchor + 1]


@pytest.mark.parametrize("name", ["sqlite", "memory"])
def test_a_plan_leaves_a_line_at_every_turn_on_the_acting_side(name: str, tmp_path: Path) -> None:
    ledger: SqliteExecutionLedger | MemoryExecutionLedger
    if name == "sqlite":
        ledger = SqliteExecutionLedger(tmp_path / "ledger", clock=lambda: DAWN)
    else:
        ledger = MemoryExecutionLedger(clock=lambda: DAWN)
    whole = approved(id="p1")
    ledger.receive(whole, NOON)
    ledger.receive(whole, NOON)
    claim = ledger.claim("p1", 30, NOON)
    assert claim
    ledger.finish(claim, outcome("skipped", "p1"))
    claim = ledger.claim("p1", 30, NOON)
    assert claim
    ledger.finish(claim, outcome("unknown", "p1"))
    ledger.release("p1", "marie", NOON)
    ledger.file("p1", "2026/x.md", "ab" * 32, NOON)
    ledger.release("p1", "marie", NOON)

    told = [(line.who, line.what, line.outcome) for line in ledger.audit()]
    assert told == [
        ("operator", "plan received", ""),
        ("operator", "plan started", ""),
        ("CT196", "plan given back", "skipped"),
        ("operator", "plan started", ""),
        ("CT196", "plan ended", "unknown"),
        ("marie", "hosts released", ""),
        ("CT196", "transcript filed", ""),
    ]
    assert {line.digest for line in ledger.audit()} == {whole.plan.digest}
    assert ledger.audit()[-1].transcript == "ab" * 32
    assert ledger.broken() == []


def test_a_repair_leaves_a_line_at_every_turn_on_the_deciding_side(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    handed = steps.correlate(world.sweep(world.finding()), world.services)
    steps.authorise(handed.verdicts[0], world.services)
    steps.freeze("marie", "moving", world.services)
    steps.thaw("marie", world.services)
    plan = steps.approve(world.only().id, "marie", world.services)
    steps.dispatch(plan.id, world.services)
    steps.settle(world.outcome("success"), world.services)
    steps.close(world.sweep(incident=world.only().id, name="look"), world.services)

    assert [(line.who, line.what) for line in world.ledger.audit()] == [
        ("triage", "incident triaged"),
        ("CT190", "plan made"),
        ("authorise", "incident awaiting_approval"),
        ("marie", "frozen"),
        ("marie", "thawed"),
        ("marie", "plan approved"),
        ("dispatch", "incident remediating"),
        ("CT196", "outcome settled"),
        ("settle", "incident verifying"),
        ("close", "incident resolved"),
    ]
    assert world.ledger.broken() == []


def test_the_head_is_published_every_day_and_the_log_outlives_its_incidents(tmp_path: Path) -> None:
    world = World(tmp_path)
    steps.correlate(world.sweep(world.finding()), world.services)
    steps.correlate(world.sweep(name="gone"), world.services)
    before = len(world.ledger.audit())
    world.later(days=800)

    assert steps.prune(world.services) == 1

    assert len(world.ledger.audit()) == before > 0
    (event,) = [event for event in world.events.events if event.type == "audit.head"]
    assert event.context["head"] == f"decided:{world.ledger.audit_head()}"
    assert world.ledger.broken() == []
