"""The playbooks that work on a Proxmox node: waking what sleeps, backing up a guest once more."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.remediation import proxmox
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1000)]

MAC = "02:00:00:12:34:56"
SLEEPER = {"sleeper": "127.0.0.9", "port": 2222, "seconds": 30}


@pytest.fixture(scope="module")
def node(fleet: Fleet) -> Iterator[Fleet]:
    """The host with programs that behave as Proxmox's are documented to."""
    proxmox.install(fleet.inside)
    yield fleet
    proxmox.remove(fleet.inside)


@contextmanager
def sleeping(node: Fleet) -> Iterator[None]:
    """A machine that wakes up from the one packet which is meant for it."""
    node.run("systemd-run", "--quiet", "--unit=lab-sleeper", proxmox.SLEEPER, MAC, "127.0.0.9", "2222")
    node.wait(
        lambda: "0100007F:0009" in node.run("cat", "/proc/net/udp") or ":0009 " in node.run("cat", "/proc/net/udp")
    )
    try:
        yield
    finally:
        node.run("systemctl", "stop", "lab-sleeper")


def test_a_machine_is_woken_by_the_packet_that_is_meant_for_it(node: Fleet) -> None:
    packet = SLEEPER | {"mac": MAC, "broadcast": "127.255.255.255"}
    with sleeping(node):
        announced = node.looked("wake_host", **packet)
        assert f"to be woken by a packet for {MAC}" in announced.changes
        other = node.repair("wake_host", **packet | {"mac": "02:00:00:12:34:57", "seconds": 2})
        assert other.status == "failure"
        assert "was called and does not answer on port 2222 within 2 s" in other.reason
        node.mended("wake_host", **packet)


def test_a_guest_is_started_and_put_back_to_sleep(node: Fleet) -> None:
    guest = SLEEPER | {"guest": 150}
    announced = node.looked("wake_host", **guest)
    assert "to be woken by pct start 150" in announced.changes
    assert proxmox.status(node.inside, 150) == "stopped"

    node.mended("wake_host", **guest)
    assert proxmox.status(node.inside, 150) == "running"

    proxmox.lock(node.inside, 150, "backup")
    assert "has the lock: backup" in node.repair("undo_wake_host", guest=150).reason
    proxmox.lock(node.inside, 150, "")
    node.looked("undo_wake_host", guest=150)
    assert proxmox.status(node.inside, 150) == "running"
    node.mended("undo_wake_host", guest=150)
    assert proxmox.status(node.inside, 150) == "stopped"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"guest": 999}, "guest 999 is not on this node"),
        ({"guest": 151}, "runs, but its sshd does not answer"),
        ({"guest": 150, "mac": MAC}, "exactly one of both"),
    ],
)
def test_what_cannot_be_woken_is_refused_before_anything_is_done(
    node: Fleet, change: dict[str, object], reason: str
) -> None:
    outcome = node.repair("wake_host", **SLEEPER | change)
    assert outcome.status == "failure"
    assert outcome.reason.startswith("check mode failed, nothing was changed")
    assert reason in outcome.reason


def test_a_guest_whose_backup_timed_out_is_backed_up_once(node: Fleet) -> None:
    proxmox.failed(node.inside, 150, "got timeout")
    announced = node.looked("rerun_backup", guest="150", storage="local")
    assert "guest 150 is to be backed up once (snapshot) to local" in announced.changes
    assert "failed - got timeout" in announced.changes
    assert proxmox.archives(node.inside, 150) == []

    node.mended("rerun_backup", guest="150", storage="local")
    assert len(proxmox.archives(node.inside, 150)) == 1, "the second run made none"


def test_while_a_backup_of_that_guest_runs_there_is_no_second_one(node: Fleet) -> None:
    proxmox.failed(node.inside, 150, "got timeout")
    before = proxmox.archives(node.inside, 150)
    for running in (("150",), ("--all", "1")):
        with proxmox.at_work(node.inside, *running):
            outcome = node.repair("rerun_backup", guest="150")
        assert "guest 150 is being backed up" in outcome.reason
    with proxmox.at_work(node.inside, "151"):
        assert node.looked("rerun_backup", guest="150").changes, "another guest's does not matter"
    assert proxmox.archives(node.inside, 150) == before


@pytest.mark.parametrize(
    ("failure", "lock", "reason"),
    [
        ("No space left on device", "", "failed for a reason that stays"),
        ("unable to open file - Permission denied", "", "failed for a reason that stays"),
        ("got timeout", "snapshot", "has a lock: snapshot"),
    ],
)
def test_what_a_second_run_does_not_mend_is_left_to_a_human(node: Fleet, failure: str, lock: str, reason: str) -> None:
    proxmox.failed(node.inside, 151, failure)
    proxmox.lock(node.inside, 151, lock)
    outcome = node.repair("rerun_backup", guest="151")
    proxmox.lock(node.inside, 151, "")
    assert outcome.reason.startswith("check mode failed, nothing was changed")
    assert reason in outcome.reason
    assert proxmox.archives(node.inside, 151) == []


def test_a_backup_that_fails_again_is_a_failure(node: Fleet) -> None:
    proxmox.failed(node.inside, 152, "got timeout")
    outcome = node.repair("rerun_backup", guest="152")
    assert outcome.status == "failure"
    assert "Run vzdump" in outcome.reason
