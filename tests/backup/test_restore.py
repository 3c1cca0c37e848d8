"""The restore test of one guest: tonight's newest archive becomes a copy without a network, is looked into, and destroyed."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backup.town import SCOPE, Answer, Guard, Town

NUMBER = SCOPE.scratch
SMALL = {"cts": {"pve1": ["101"], "pve2": ["201"]}, "vms": {"pve1": [], "pve2": ["205"]}}


@dataclass
class Crowded(Town):
    """Somebody takes the scratch number between the question whether it is free and the restore."""

    def _guest(self, argv: list[str]) -> Answer:
        if argv[:2] == ["pct", "restore"]:
            self.scratch[NUMBER] = "description: somebody's\nnet0: name=eth0\n"
            return 255, f"CT {NUMBER} already exists"
        return super()._guest(argv)


def night(folder: Path, town: Town) -> Guard:
    guard = Guard(folder, town)
    guard.begin()
    return guard


def of_the_test(town: Town) -> list[str]:
    """What was done with the copy, in order and without its number."""
    return [line.partition(": ")[2].replace(NUMBER, "N") for line in town.done if NUMBER in line]


def test_tonights_newest_archive_is_restored_unplugged_started_looked_into_and_destroyed(tmp_path: Path) -> None:
    guard = night(tmp_path, Town(**SMALL))
    assert guard.finish().status == "success"

    done = of_the_test(guard.town)
    assert [line.split()[1] for line in done if line.startswith("pct") and "config" not in line] == [
        "restore", "set", "start", "exec", "stop", "destroy",
    ]  # fmt: skip
    (restored,) = [line for line in done if "restore" in line]
    assert "pbs:backup/ct/101/2026-11-22T23:08:11Z" in restored
    assert "--unique 1 --onboot 0" in restored
    assert "--force" not in restored
    assert "pct exec N -- test -s /etc/os-release" in done


def test_a_virtual_machine_is_never_the_one_that_is_tested(tmp_path: Path) -> None:
    guard = Guard(tmp_path, Town(cts={"pve1": [], "pve2": []}, vms={"pve1": [], "pve2": ["205"]}))
    guard.begin()
    guard.finish()
    assert guard.steps["test-pick"] != "done"
    assert of_the_test(guard.town) == []


def test_a_container_that_shares_a_folder_with_its_host_is_not_restored_and_the_night_is_a_success(
    tmp_path: Path,
) -> None:
    shared = "rootfs: local:1\nmp0: /srv/photos,mp=/photos\n"
    guard = night(tmp_path, Town(wrong={"test-source": (0, shared)}, **SMALL))
    assert guard.finish().status == "success"
    assert guard.steps["test-source"] == "skipped"
    assert of_the_test(guard.town) == []


def test_a_number_that_somebody_has_is_neither_overwritten_nor_destroyed(tmp_path: Path) -> None:
    guard = night(tmp_path, Town(scratch={NUMBER: "description: somebody's\n"}, **SMALL))
    result = guard.finish()
    assert result.status == "failure"
    assert f"VM {NUMBER} already exists" in result.reason
    assert guard.town.scratch == {NUMBER: "description: somebody's\n"}
    assert [line for line in of_the_test(guard.town) if line.startswith("pct")] == []


def test_a_number_that_was_taken_in_between_is_left_alone(tmp_path: Path) -> None:
    guard = night(tmp_path, Crowded(**SMALL))
    result = guard.finish()
    assert result.status == "failure"
    assert "is left alone, it does not say that it is ours" in result.reason
    assert guard.town.scratch[NUMBER].startswith("description: somebody's")


def test_a_copy_that_shares_something_with_its_host_is_not_started_and_is_destroyed(tmp_path: Path) -> None:
    config = (
        f"description: aiops-restore-test-night-2026-11-23%0A\nlxc.mount.entry: /srv srv none bind\nlock: {NUMBER}\n"
    )
    guard = night(tmp_path, Town(wrong={"test-config": (0, config)}, **SMALL))
    result = guard.finish()
    assert result.status == "failure"
    assert "a copy would share lxc.mount.entry: with the host" in result.reason
    done = of_the_test(guard.town)
    assert not [line for line in done if "pct start" in line]
    assert "pct destroy N" in done
    assert guard.town.scratch == {}


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        ("test-volume", (0, "Volid Format Type Size VMID\n"), "no archive is listed"),
        ("test-restore", (255, "unable to restore CT: broken archive"), "broken archive"),
        ("test-start", (255, "startup for container failed"), "startup for container failed"),
        ("test-check", (1, ""), "test-check on pve1: exit 1"),
    ],
)
def test_a_backup_that_cannot_be_restored_or_started_makes_the_night_a_failure_and_leaves_nothing(
    tmp_path: Path, step: str, answer: Answer, reason: str
) -> None:
    guard = night(tmp_path, Town(wrong={step: answer}, **SMALL))
    result = guard.finish()
    assert result.status == "failure"
    assert reason in result.reason
    assert result.guests == {"101": "done", "201": "done", "205": "done"}
    assert guard.town.scratch == {}
    assert guard.town.enabled == set()
