"""The playbooks about who may get in, on a real host."""

import pytest

from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(500)]

DROP_IN = "/etc/ssh/sshd_config.d/00-aiops-harden.conf"
UNDO = "aiops-undo-harden-ssh"
CLOSED = ("permitrootlogin without-password", "passwordauthentication no", "x11forwarding no")


def in_force(fleet: Fleet) -> list[str]:
    return fleet.run("sshd", "-T").splitlines()


def test_an_audit_tells_what_it_saw_and_changes_nothing(fleet: Fleet) -> None:
    outcome = fleet.quiet("audit_host", hours=1, most_lines=10)
    assert "permitrootlogin without-password" in outcome.transcript
    assert "root:x:0:0:root:/root" in outcome.transcript
    assert "/usr/bin/sudo" in outcome.transcript
    assert "keys of root: could not look: sha256sum: /root/.ssh/authorized_keys: No such file" in outcome.transcript
    assert "more lines]" in outcome.transcript


def test_sshd_is_closed_to_passwords_and_opened_again_by_the_way_back(fleet: Fleet) -> None:
    before = in_force(fleet)
    assert "x11forwarding yes" in before

    announced = fleet.looked("harden_ssh")
    assert "+PasswordAuthentication no" in announced.changes
    assert in_force(fleet) == before
    assert not fleet.inside.ok("test", "-e", f"/etc/systemd/system/{UNDO}.service")

    fleet.mended("harden_ssh")
    assert set(CLOSED) <= set(in_force(fleet))
    assert not fleet.inside.ok("systemctl", "is-active", f"{UNDO}.timer"), "a second session has confirmed it"

    fleet.run("systemctl", "start", UNDO)
    assert in_force(fleet) == before


def test_a_change_that_another_file_wins_over_is_taken_back_at_once(fleet: Fleet) -> None:
    other = "/etc/ssh/sshd_config.d/00-a.conf"
    fleet.inside.write(other, "PasswordAuthentication yes\n")
    try:
        outcome = fleet.repair("harden_ssh")
    finally:
        fleet.run("rm", other)
    assert outcome.status == "failure"
    assert "taken back" in outcome.reason
    assert "passwordauthentication" in outcome.reason
    assert not fleet.inside.ok("test", "-e", DROP_IN)
    assert not fleet.inside.ok("systemctl", "is-active", f"{UNDO}.timer")


def test_a_change_that_nobody_confirms_is_taken_back_by_the_clock(fleet: Fleet) -> None:
    assert fleet.repair("harden_ssh").status == "success"
    fleet.wait(lambda: not fleet.inside.ok("systemctl", "cat", f"{UNDO}.timer"))
    fleet.run("systemd-run", "--on-active=1", f"--unit={UNDO}.service")
    fleet.wait(lambda: not fleet.inside.ok("test", "-e", DROP_IN))
    assert "x11forwarding yes" in in_force(fleet)


def test_a_run_that_was_killed_before_it_was_confirmed_is_finished_by_the_next(fleet: Fleet) -> None:
    assert fleet.repair("harden_ssh").status == "success"
    fleet.wait(lambda: not fleet.inside.ok("systemctl", "cat", f"{UNDO}.timer"))
    fleet.run("systemd-run", "--on-active=300", f"--unit={UNDO}.service")
    outcome = fleet.repair("harden_ssh")
    assert outcome.status == "success", outcome.reason
    assert "an earlier run was never confirmed" in outcome.changes
    assert not fleet.inside.ok("systemctl", "is-active", f"{UNDO}.timer")
    assert set(CLOSED) <= set(in_force(fleet))
    fleet.run("systemctl", "start", UNDO)
