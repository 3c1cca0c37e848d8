"""The nightly backup as a sequence: the right order, cleanup whatever fails, and resumed wherever it was killed."""

from datetime import timedelta
from pathlib import Path

import pytest

from aiops.domain.backup import BackupResult, Scope
from aiops.steps.backup_night import PATIENCE
from tests.backup.town import SCOPE, Guard, Town

SMALL = {"cts": {"pve1": ["101"], "pve2": ["201"]}, "vms": {"pve1": [], "pve2": []}}


def put_back(town: Town) -> None:
    """What must hold after every run that found the store asleep."""
    assert town.enabled == set()
    assert "pve3" not in town.awake
    assert town.scratch == {}


def place(done: list[str], text: str) -> int:
    return next(n for n, line in enumerate(done) if text in line)


def test_a_night_backs_everything_up_in_the_right_order_and_puts_everything_back(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    guard.begin()
    result = guard.finish()

    assert (result.status, result.reason) == ("success", "")
    assert result.guests == {"101": "done", "102": "done", "201": "done", "205": "done"}
    put_back(guard.town)
    done = guard.town.done
    order = [
        "wakeonlan 52:54",
        "pvesm set pbs --disable 0",
        "vzdump 101",
        "vzdump 102",
        "prune-backups pbs --vmid 101 --type lxc --keep-last 1 --keep-daily 7 --keep-weekly 4",
        "garbage-collection start main",
        "pct restore 999990",
        "pct destroy 999990",
        "pvesm set pbs --disable 1",
        "systemctl poweroff",
    ]
    places = [place(done, text) for text in order]
    assert places == sorted(places)
    assert max(guard.town.commands().values()) == 1


def test_the_nodes_are_backed_up_side_by_side_and_a_nodes_guests_one_after_the_other(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(slow={"dump-101", "dump-201"}))
    guard.begin()
    guard.until("dump-101")
    guard.until("dump-201")
    for _ in range(5):
        guard.round()
    assert not {"dump-102", "dump-205"} & guard.steps.keys()


def _keys() -> list[str]:
    """Every step of a good night that is a command."""
    nodes = [f"{word}-{node}" for node in ("pve1", "pve2") for word in ("on", "cts", "vms")]
    guests = [f"{word}-{guest}" for guest in (101, 201) for word in ("dump", "prune")]
    test = ("source", "free", "volume", "restore", "config", "unplug", "start", "check")
    return ["wake-1", *nodes, *guests, "collect", *(f"test-{word}" for word in test)]


@pytest.mark.parametrize("key", _keys())
def test_whichever_step_fails_the_cleanup_runs(tmp_path: Path, key: str) -> None:
    guard = Guard(tmp_path, Town(wrong={key: (1, "ERROR: it broke")}, **SMALL))
    guard.begin()
    result = guard.finish()

    put_back(guard.town)
    if key == "wake-1":
        assert result.status == "success"  # the second packet woke it
    else:
        assert result.status == "failure"
        assert "it broke" in result.reason


@pytest.mark.parametrize("key", ["off-pve1-1", "off-pve1-2"])
def test_switching_the_storage_off_is_tried_again(tmp_path: Path, key: str) -> None:
    wrong = {f"off-pve1-{n}": (1, "cfs-lock timeout") for n in range(1, int(key[-1]) + 1)}
    guard = Guard(tmp_path, Town(wrong=wrong, **SMALL))
    guard.begin()
    assert guard.finish().status == "success"
    put_back(guard.town)


def test_a_storage_that_cannot_be_switched_off_is_said_and_the_store_is_shut_down_all_the_same(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(wrong={f"off-pve1-{n}": (1, "broken") for n in (1, 2, 3)}, **SMALL))
    guard.begin()
    result = guard.finish()
    assert result.status == "failure"
    assert "still on at pve1" in result.reason
    assert guard.town.awake == {"pve1", "pve2"}
    assert guard.town.enabled == {"pve1"}


def test_what_failed_tonight_keeps_all_its_old_backups(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(wrong={"dump-101": (255, "ERROR: Backup of VM 101 failed - no space left")}))
    guard.begin()
    result = guard.finish()
    assert "no space left" in result.guests["101"]
    assert result.guests["102"] == "done"
    assert not [line for line in guard.town.done if "prune-backups" in line and "--vmid 101" in line]


def test_a_store_that_does_not_wake_up_is_not_waited_for_all_night(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(wrong={f"wake-{n}": (0, "sent") for n in (1, 2, 3)}))
    guard.begin()
    result = guard.finish()
    assert result.status == "failure"
    assert "pve3 did not wake up" in result.reason
    assert guard.now - (result.started_at or guard.now) < timedelta(minutes=11)
    assert not [line for line in guard.town.done if "vzdump" in line or "pvesm" in line]


def test_a_store_that_was_awake_before_stays_awake(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(awake={"pve1", "pve2", "pve3"}))
    guard.begin()
    assert guard.finish().status == "success"
    assert "pve3" in guard.town.awake
    assert guard.town.enabled == set()
    assert not [line for line in guard.town.done if "wakeonlan" in line or "poweroff" in line]


def test_nothing_is_switched_off_under_a_restore_that_somebody_runs(tmp_path: Path) -> None:
    town = Town(store_tasks=[{"worker_type": "reader", "upid": "UPID:pve3:..."}], **SMALL)
    town.node_tasks.append({"type": "qmrestore", "upid": "UPID:pve1:..."})
    guard = Guard(tmp_path, town)
    guard.begin()
    guard.until("quiet-pve1")
    for _ in range(20):
        guard.round()
    assert town.enabled == {"pve1", "pve2"}

    town.node_tasks[0]["endtime"] = 1795391000
    guard.until("quiet-datastore")
    assert "pve3" in town.awake
    town.store_tasks.clear()
    assert guard.finish().status == "success"
    put_back(town)


def test_a_store_that_stays_busy_is_left_on_and_that_is_said(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(store_tasks=[{"worker_type": "garbage_collection"}], **SMALL))
    guard.begin()
    result = guard.finish(seconds=30)
    assert result.status == "failure"
    assert "quiet-datastore on pve3: garbage_collection" in result.reason
    assert "pve3 is still awake" in result.reason
    assert "pve3" in guard.town.awake


@pytest.mark.parametrize("answer", [(1, "command not found"), (0, "no JSON"), (0, '{"a": 1}')])
def test_a_store_whose_tasks_cannot_be_read_is_not_shut_down(tmp_path: Path, answer: tuple[int, str]) -> None:
    guard = Guard(tmp_path, Town(wrong={f"quiet-datastore-{n}": answer for n in range(300)}, **SMALL))
    guard.begin()
    assert "cannot be told" in guard.finish(seconds=30).reason
    assert "pve3" in guard.town.awake


def test_a_stop_ends_what_runs_begins_nothing_more_and_cleans_up(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(slow={"dump-101", "dump-201"}))
    guard.begin()
    guard.until("dump-101")
    guard.until("dump-201")
    guard.round()
    guard.ledger.stop_backup("operator", guard.now)
    result = guard.finish()

    assert result.status == "stopped"
    assert result.reason.startswith("operator")
    assert sorted(guard.town.stopped) == ["pve1", "pve2"]
    assert "interrupted" in result.guests["101"]
    assert result.guests["102"] == "not begun"
    assert not [line for line in guard.town.done if "vzdump 102" in line or "prune" in line or "garbage" in line]
    put_back(guard.town)


@pytest.mark.parametrize(
    "key", ["look", "wake-1", "on-pve1", "cts-pve2", "prune-101", "collect", "test-restore", "test-start"]
)
def test_a_stop_at_any_step_cleans_up(tmp_path: Path, key: str) -> None:
    guard = Guard(tmp_path, Town(**SMALL))
    guard.begin()
    guard.until(key, "done")
    guard.ledger.stop_backup("operator", guard.now)
    assert guard.finish().status == "stopped"
    put_back(guard.town)


def test_a_run_whose_time_is_over_is_cleaned_up_and_counts_as_failed(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(slow={"dump-101"}))
    guard.begin()
    guard.until("dump-101")
    guard.now += timedelta(hours=8)
    result = guard.finish()
    assert result.status == "failure"
    assert result.reason.startswith("its time was over (8 h)")
    put_back(guard.town)


def test_a_node_that_does_not_answer_for_a_while_is_waited_for(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(unreachable={"pve1": 30}, **SMALL))
    guard.begin()
    assert guard.finish().status == "success"


def test_a_node_that_is_gone_costs_its_own_guests_only(tmp_path: Path) -> None:
    guard = Guard(
        tmp_path, Town(awake={"pve2"}, wrong={}, **SMALL), scope=SCOPE.model_copy(update={"restore_test": False})
    )
    guard.begin()
    result = guard.finish(seconds=60)
    assert result.status == "failure"
    assert result.guests == {"201": "done"}
    assert "on-pve1" in result.reason
    assert "pve3" not in guard.town.awake


def test_a_node_that_was_rebooted_begins_its_step_once_more_and_not_for_ever(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(slow={"dump-101"}, **SMALL))
    guard.begin()
    for _ in range(2):
        guard.until("dump-101")
        guard.round()
        guard.town.steps.pop(("pve1", "dump-101"), None)
    result = guard.finish()
    assert sum("vzdump 101" in line for line in guard.town.done) == 2
    assert "forgotten" in result.guests["101"]
    put_back(guard.town)


def test_a_command_that_outlives_its_time_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(slow={"collect"}, **SMALL))
    guard.begin()
    guard.until("collect")
    guard.now += timedelta(minutes=SCOPE.collect_minutes) + PATIENCE
    assert "it still runs after 240 min" in guard.finish().reason
    put_back(guard.town)


def _calls(folder: Path) -> int:
    guard = Guard(folder, Town(**SMALL))
    guard.begin()
    guard.finish()
    return guard.town.calls


@pytest.mark.parametrize("after", ["before", "after"])
@pytest.mark.parametrize("stride", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_wherever_the_worker_is_killed_the_next_one_goes_on_and_does_nothing_twice(
    tmp_path: Path, after: str, stride: int
) -> None:
    (tmp_path / "whole").mkdir()
    for number in range(0, _calls(tmp_path / "whole"), stride):
        folder = tmp_path / str(number)
        folder.mkdir()
        guard = Guard(folder, Town(kill_at=number, kill_after=after == "after", **SMALL))
        guard.begin()
        result = guard.finish()
        assert (result.status, result.reason) == ("success", ""), f"killed at call {number}"
        assert max(guard.town.commands().values()) == 1, f"killed at call {number}"
        assert "'" in guard.owner
        put_back(guard.town)


def test_two_workers_never_advance_one_run_and_an_older_one_loses_its_say(tmp_path: Path) -> None:
    guard = Guard(tmp_path)
    guard.begin()
    first = guard.ledger.take_backup("first", 30, guard.now)
    assert first
    assert guard.ledger.take_backup("second", 30, guard.now) is None

    second = guard.ledger.take_backup("second", 30, guard.now + timedelta(seconds=31))
    assert second
    assert second.fence > first.fence
    guard.round()
    assert not guard.ledger.backup_steps(first.run)
    result = BackupResult(run=first.run, status="success", finished_at=guard.now)
    assert not guard.ledger.end_backup(first.fence, result)
    assert guard.ledger.end_backup(second.fence, result)


def test_guests_that_are_excluded_are_left_alone(tmp_path: Path) -> None:
    scope = Scope(**{**SCOPE.model_dump(), "exclude": ("102", "205"), "restore_test": False})
    guard = Guard(tmp_path, scope=scope)
    guard.begin()
    assert guard.finish().guests == {"101": "done", "201": "done"}


def test_a_night_without_any_guest_is_no_success(tmp_path: Path) -> None:
    none: dict[str, list[str]] = {"pve1": [], "pve2": []}
    guard = Guard(tmp_path, Town(cts=none, vms=none))
    guard.begin()
    assert "no guest was backed up" in guard.finish().reason
    put_back(guard.town)
