"""Plans through Semaphore: what is asked of it, what is refused, and what is said when it does something else."""

import json
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.file_archive import FileArchive
from aiops.domain.host import Host
from aiops.errors import SettingsError
from tests.semaphore.conftest import INCIDENT, PLAN, WEB1, Desk, Pace, remediation
from tests.semaphore.server import TOKEN, Fault, Script, ansible

pytestmark = pytest.mark.slow

LATER = timedelta(minutes=11)  # the approval of tests.plans lives for ten
POST = r"^POST .*/tasks$"
TASK = r"^GET .*/tasks/\d+$"


def test_a_plan_is_announced_and_then_done(desk: Desk) -> None:
    outcome = desk.run()
    assert (outcome.status, outcome.reason) == ("success", "")
    assert outcome.changes == (
        "web1: Write what was asked for\n--- before\n+++ after: /etc/mark\n@@ -0,0 +1 @@\n+hello"
    )
    assert outcome.recap == {"web1": {"ok": 1, "changed": 1, "failures": 0, "unreachable": 0, "skipped": 0}}
    assert outcome.fence == 1001
    assert outcome.started_at is not None
    assert "## Check mode: task 21, success, commit a1b2c3" in outcome.transcript
    assert "- `web1` Write what was asked for: changed" in outcome.transcript.partition("## Run: task 22")[2]
    assert "\x1b" not in outcome.transcript


def test_check_mode_is_asked_for_first_and_both_name_incident_plan_and_hosts(desk: Desk) -> None:
    desk.run(hosts=(WEB1, Host(name="web2")))
    check, run = desk.server.sent
    assert check == {
        "template_id": 7,
        "debug": False,
        "dry_run": True,
        "diff": True,
        "environment": '{"word": "hello"}',
        "limit": "web1,web2",
        "message": f"aiops {INCIDENT} {PLAN} check",
        "params": {"debug": False, "dry_run": True, "diff": True, "limit": ["web1", "web2"]},
    }
    without = {"dry_run": False, "diff": False, "message": f"aiops {INCIDENT} {PLAN} run"}
    assert run == check | without | {
        "params": {"debug": False, "dry_run": False, "diff": False, "limit": ["web1", "web2"]}
    }


# What is refused before anything is started


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task_params": None}, "would ignore the limit"),
        ({"task_params": {}}, "would ignore the limit"),
        ({"task_params": {"allow_override_limit": False}}, "would ignore the limit"),
        ({"task_params": {"allow_override_limit": "yes"}}, "would ignore the limit"),
        ({"task_params": {"allow_override_limit": True, "tags": ["x"]}}, "selects tags"),
        ({"playbook": "ansible/playbooks/decommission.yml"}, "its playbook is"),
        ({"playbook": "other/mark.yml"}, "its playbook is"),
        ({"inventory_id": 4}, "its inventory is number 4, not 3"),
        ({"inventory_id": None}, "its inventory is number None"),
        ({"app": "bash"}, "it runs bash"),
        ({"type": "deploy"}, "it is a deploy template"),
        ({"arguments": '["-e", "word=harm"]'}, "arguments of its own"),
        ({"arguments": "[nonsense"}, "arguments of its own"),
        ({"id": 8}, "answered with template 8"),
    ],
)
def test_a_template_that_would_do_something_else_is_not_started(desk: Desk, change: dict[str, Any], words: str) -> None:
    desk.server.template(7, "mark", **change)
    outcome = desk.run()
    assert outcome.status == "failure"
    assert "nothing was started" in outcome.reason
    assert words in outcome.reason
    assert (desk.server.sent, outcome.started_at) == ([], None)


def test_a_playbook_without_a_template_is_not_started(desk: Desk) -> None:
    desk.templates = {}
    outcome = desk.run()
    assert (outcome.status, desk.server.asked) == ("failure", [])
    assert "names none for mark" in outcome.reason


@pytest.mark.parametrize("host", [Host(name="all"), Host(name="localhost"), Host(name="ct196", local=True)])
def test_a_host_that_a_limit_reads_as_something_else_is_refused(desk: Desk, host: Host) -> None:
    assert desk.run(hosts=(host,)).status == "failure"
    assert desk.server.sent == []


def test_a_template_that_changes_while_it_is_checked_is_not_run(desk: Desk) -> None:
    def beat() -> bool:
        desk.server.template(7, "mark", task_params={"allow_override_limit": False})
        return True

    desk.server.check = Script(["running"] * 20 + ["success"])
    outcome = desk.run(beat=beat)
    assert outcome.status == "failure"
    assert outcome.reason.startswith("refused after check mode")
    assert (desk.server.runs, outcome.started_at) == ([], None)


def test_a_limit_that_is_ignored_all_the_same_is_seen_in_check_mode(desk: Desk) -> None:
    desk.server.ignores_limit = True
    outcome = desk.run()
    assert outcome.status == "failure"
    assert "the limit was ignored: check mode looked at db1, web2 too; nothing was changed" in outcome.reason
    assert desk.server.runs == []


def test_a_server_that_keeps_no_message_is_not_trusted_with_a_run(desk: Desk) -> None:
    desk.server.drops = ("message",)
    outcome = desk.run()
    assert outcome.status == "failure"
    assert "could not be found again" in outcome.reason
    assert desk.server.runs == []


def test_a_server_that_does_not_say_that_it_only_checks_is_stopped(desk: Desk) -> None:
    desk.server.drops = ("params", "dry_run")
    desk.server._show = lambda row: {**row.shown, "status": row.status}  # type: ignore[method-assign]
    desk.server.check = Script(["running"])
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "may have changed something" in outcome.reason
    assert len(desk.server.sent) == 1
    assert desk.server.stops


# Between check mode and the run


@pytest.mark.parametrize("status", ["error", "stopped", "rejected"])
def test_a_check_that_does_not_succeed_is_not_followed_by_a_run(desk: Desk, status: str) -> None:
    desk.server.check = Script(["waiting", status], ansible(["web1"], changed=0, failed=1))
    outcome = desk.run()
    assert (outcome.status, outcome.started_at) == ("failure", None)
    assert "nothing was changed" in outcome.reason
    assert desk.server.runs == []


def test_a_failing_check_names_task_and_reason(desk: Desk) -> None:
    desk.server.check = Script(["error"], ansible(["web1"], changed=0, failed=1))
    assert desk.run().reason == (
        "check mode failed, nothing was changed: web1: Write what was asked for: no space left"
    )


@pytest.mark.parametrize("lines", [[], ["Failed updating repository: no route"], ansible([])])
def test_a_check_that_shows_no_end_on_the_host_proves_nothing(desk: Desk, lines: list[str]) -> None:
    desk.server.check = Script(["success"], lines)
    assert desk.run().status == "failure"
    assert desk.server.runs == []


def test_without_a_permit_after_the_check_nothing_is_changed(desk: Desk) -> None:
    desk.gate.open = False
    outcome = desk.run()
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "frozen")
    assert (desk.server.runs, outcome.started_at) == ([], None)
    assert "+hello" in outcome.changes


def test_a_claim_that_is_lost_before_the_run_changes_nothing(desk: Desk) -> None:
    outcome = desk.run(beat=lambda: False)
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert desk.server.runs == []


def test_an_approval_that_grew_too_old_in_check_mode_starts_nothing(desk: Desk) -> None:
    def beat() -> bool:
        desk.now += LATER
        return True

    desk.server.check = Script(["running"] * 20 + ["success"])
    outcome = desk.run(beat=beat)
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "expired")
    assert desk.server.runs == []


# Every status


@pytest.mark.parametrize(
    "way",
    [
        ["success"],
        ["waiting", "starting", "running", "success"],
        ["waiting", "waiting_confirmation", "confirmed", "starting", "running", "success"],
        ["waiting", "a_status_of_the_next_version", "success"],
    ],
)
def test_every_way_to_success_is_followed(desk: Desk, way: list[str]) -> None:
    desk.server.real = Script(way)
    assert desk.run().status == "success"


def test_an_error_is_a_failure_with_its_reason(desk: Desk) -> None:
    desk.server.real = Script(["running", "error"], ansible(["web1"], changed=0, failed=1))
    outcome = desk.run()
    assert (outcome.status, outcome.reason) == ("failure", "web1: Write what was asked for: no space left")
    assert outcome.recap["web1"]["failures"] == 1


def test_a_host_that_is_lost_on_the_way_is_unknown(desk: Desk) -> None:
    desk.server.real = Script(["running", "error"], ansible(["web1"], changed=0, unreachable=1))
    assert desk.run().status == "unknown"


def test_an_error_before_the_first_play_is_a_failure(desk: Desk) -> None:
    desk.server.real = Script(["running", "error"], ["Failed updating repository: no route to host"])
    outcome = desk.run()
    assert outcome.status == "failure"
    assert "before it began to play: Failed updating repository: no route to host" in outcome.reason


def test_an_error_without_a_word_is_unknown(desk: Desk) -> None:
    desk.server.real = Script(["running", "error"], [])
    assert desk.run().status == "unknown"


def test_a_rejected_run_is_a_failure_that_changed_nothing(desk: Desk) -> None:
    desk.server.real = Script(["waiting", "waiting_confirmation", "rejected"], [])
    outcome = desk.run()
    assert (outcome.status, outcome.reason) == ("failure", "it was rejected in Semaphore, nothing was changed")


def test_a_run_that_somebody_else_stopped_is_unknown(desk: Desk) -> None:
    desk.server.real = Script(["running", "stopping", "stopped"], ansible(["web1"])[:4])
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "stopped by somebody else" in outcome.reason


def test_a_success_that_says_less_than_every_host_is_a_failure(desk: Desk) -> None:
    desk.server.real = Script(["success"], ansible(["web1"]))
    outcome = desk.run(hosts=(WEB1, Host(name="web2")))
    assert (outcome.status, outcome.reason) == ("failure", "it did nothing on web2")


def test_a_run_on_another_host_is_unknown_and_names_it(desk: Desk) -> None:
    desk.server.real = Script(["success"], ansible(["web1", "db1"]))
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "it ran on db1 too, which nobody approved" in outcome.reason


def test_a_success_without_output_is_unknown(desk: Desk) -> None:
    desk.server.real = Script(["success"], [])
    assert desk.run().status == "unknown"


def test_a_recap_that_a_host_prints_itself_does_not_count(desk: Desk) -> None:
    lines = ansible(["web1"], changed=0, failed=1)
    desk.server.real = Script(["error"], [*ansible(["web1"]), *lines])
    outcome = desk.run()
    assert outcome.status == "failure"


def test_a_run_of_another_commit_than_the_check_is_stopped(desk: Desk) -> None:
    desk.server.real = Script(["running"], commit="ffffff")
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "it runs commit ffffff, and check mode saw a1b2c3" in outcome.reason
    assert desk.server.runs[0].status == "stopped"


def test_a_run_of_another_commit_that_is_over_already_is_unknown(desk: Desk) -> None:
    desk.server.real = Script(["success"], commit="ffffff")
    outcome = desk.run()
    assert (outcome.status, outcome.reason) == (
        "unknown",
        "it ended success, but it runs commit ffffff, and check mode saw a1b2c3",
    )


# A task that does not end


def test_a_run_that_takes_too_long_is_stopped(desk: Desk) -> None:
    desk.server.real = Script(["waiting", "running"])
    begun = time.monotonic()
    outcome = desk.run(timeout=1)
    assert outcome.status == "unknown"
    assert "its time is over" in outcome.reason
    assert "Semaphore says stopped" in outcome.reason
    assert desk.server.stops == [("/api/project/1/tasks/22/stop", {})]
    assert time.monotonic() - begun < 5


def test_a_run_that_does_not_stop_is_killed(desk: Desk) -> None:
    desk.server.real = Script(["running"], stops="when killed")
    assert "Semaphore says stopped" in desk.run(timeout=1).reason
    assert [body for _, body in desk.server.stops] == [{}, {"force": True}]


def test_a_stuck_run_is_given_up_as_unknown_and_may_still_run(desk: Desk) -> None:
    desk.server.real = Script(["running"], stops="never")
    outcome = desk.run(timeout=1)
    assert outcome.status == "unknown"
    assert "so it may still run" in outcome.reason


def test_a_stuck_check_is_a_failure_and_nothing_was_changed(desk: Desk) -> None:
    desk.server.check = Script(["waiting"], [], stops="never")
    outcome = desk.run(timeout=1)
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert desk.server.runs == []


def test_a_run_whose_claim_is_lost_is_stopped(desk: Desk) -> None:
    desk.server.real = Script(["running"])
    outcome = desk.run(beat=lambda: not desk.server.runs)
    assert outcome.status == "unknown"
    assert "its claim was lost" in outcome.reason
    assert desk.server.runs[0].status == "stopped"


def test_the_claim_is_kept_alive_while_semaphore_works(desk: Desk) -> None:
    beats: list[float] = []

    def beat() -> bool:
        beats.append(time.monotonic())
        return True

    desk.server.real = Script(["running"] * 40 + ["success"])
    assert desk.run(beat=beat).status == "success"
    assert len(beats) >= 5


def test_a_run_that_waits_longer_than_its_approval_lives_is_taken_back(desk: Desk) -> None:
    def beat() -> bool:
        desk.now += LATER if desk.server.runs else timedelta()
        return True

    desk.server.real = Script(["waiting"], [])
    outcome = desk.run(beat=beat)
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "expired")
    assert outcome.started_at is None
    assert desk.server.runs[0].status == "stopped"


def test_a_run_that_began_in_time_may_take_longer_than_its_approval_lives(desk: Desk) -> None:
    def beat() -> bool:
        desk.now += LATER if desk.server.runs else timedelta()
        return True

    desk.server.real = Script(["running"] * 20 + ["success"])
    assert desk.run(beat=beat).status == "success"


# A restart in between: at most one start


@pytest.mark.parametrize(("status", "said"), [("success", "success"), ("error", "failure"), ("stopped", "unknown")])
def test_a_run_of_an_earlier_start_is_reported_and_not_repeated(desk: Desk, status: str, said: str) -> None:
    lines = ansible(["web1"], changed=0, failed=1) if said == "failure" else ansible(["web1"])
    desk.server.add(f"aiops {INCIDENT} {PLAN} run", Script([status], lines))
    outcome = desk.run()
    assert outcome.status == said
    assert desk.server.sent == []
    assert "was there already" in outcome.transcript


def test_a_run_of_an_earlier_start_that_still_works_is_followed(desk: Desk) -> None:
    desk.server.add(f"aiops {INCIDENT} {PLAN} run", Script(["running"] * 5 + ["success"]))
    assert desk.run().status == "success"
    assert desk.server.sent == []


def test_a_check_of_an_earlier_start_is_stopped_and_the_plan_comes_again(desk: Desk) -> None:
    desk.server.add(f"aiops {INCIDENT} {PLAN} check", Script(["running"]))
    outcome = desk.run()
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "busy")
    assert desk.server.sent == []
    assert desk.run().status == "success"


def test_another_plan_s_task_is_not_mistaken_for_ours(desk: Desk) -> None:
    desk.server.add(f"aiops {INCIDENT} {PLAN}x run", Script(["success"]))
    desk.server.add(f"rerun by hand: {INCIDENT}", Script(["success"]))
    assert desk.run().status == "success"
    assert len(desk.server.sent) == 2


def test_semaphore_may_restart_during_a_run(desk: Desk) -> None:
    hold = threading.Event()
    desk.server.real = Script(["running", "success"], hold=hold)

    def restart() -> None:
        deadline = time.monotonic() + 5
        while not desk.server.runs and time.monotonic() < deadline:
            time.sleep(0.01)
        desk.server.stop()
        time.sleep(0.2)
        hold.set()
        desk.server.start()

    thread = threading.Thread(target=restart)
    thread.start()
    outcome = desk.run()
    thread.join()
    assert outcome.status == "success"
    assert len(desk.server.runs) == 1


@pytest.mark.parametrize("does", ["lose", "garbage", "wrong"])
def test_a_start_whose_answer_is_lost_is_found_and_not_repeated(desk: Desk, does: str) -> None:
    desk.server.faults = [Fault(POST, does)]
    outcome = desk.run()
    assert outcome.status == "success"
    assert len(desk.server.rows) == 2
    assert "was not answered" in outcome.transcript


@pytest.mark.parametrize("does", ["500", "503", "drop", "hang"])
def test_a_run_that_may_or_may_not_have_been_started_is_unknown(desk: Desk, does: str) -> None:
    desk.seconds = 0.3

    def beat() -> bool:
        desk.server.faults = [Fault(POST, does)]
        return True

    desk.server.check = Script(["running"] * 20 + ["success"])
    outcome = desk.run(beat=beat)
    assert outcome.status == "unknown"
    assert "nobody knows whether it was started" in outcome.reason
    assert len(desk.server.sent) == 2, "it was asked for once"
    assert desk.server.runs == []


@pytest.mark.parametrize("does", ["400", "401", "403", "404", "302"])
def test_a_run_that_is_turned_down_is_a_failure(desk: Desk, does: str) -> None:
    def beat() -> bool:
        desk.server.faults = [Fault(POST, does)]
        return True

    desk.server.check = Script(["running"] * 20 + ["success"])
    outcome = desk.run(beat=beat)
    assert (outcome.status, outcome.started_at) == ("failure", None)
    assert "nothing was changed" in outcome.reason
    assert desk.server.runs == []


# A server that fails


@pytest.mark.parametrize("does", ["401", "403", "404", "500", "garbage", "wrong", "drop", "hang", "drip"])
@pytest.mark.parametrize("where", ["templates", "tasks/last"])
def test_a_server_that_cannot_be_asked_starts_nothing(desk: Desk, where: str, does: str) -> None:
    desk.seconds = 0.3
    desk.server.add("x" * 60, Script(["success"]))
    desk.server.faults = [Fault(where, does)]
    begun = time.monotonic()
    outcome = desk.run()
    assert (outcome.status, outcome.started_at) == ("failure", None)
    assert "nothing was started" in outcome.reason
    assert desk.server.sent == []
    assert time.monotonic() - begun < 2


def test_a_server_that_is_not_there_starts_nothing(desk: Desk) -> None:
    desk.server.stop()
    outcome = desk.run()
    assert outcome.status == "failure"
    assert "nothing was started" in outcome.reason


@pytest.mark.parametrize("does", ["500", "garbage", "wrong", "drop", "429"])
def test_a_server_that_stammers_during_the_run_is_asked_again(desk: Desk, does: str) -> None:
    desk.server.faults = [Fault(TASK, does, times=4)]
    assert desk.run().status == "success"


@pytest.mark.parametrize("does", ["401", "404"])
def test_a_run_that_gets_out_of_sight_is_unknown(desk: Desk, does: str) -> None:
    desk.server.faults = [Fault(r"^GET .*/tasks/22$", does)]
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "out of sight" in outcome.reason


def test_an_output_that_cannot_be_read_is_unknown(desk: Desk) -> None:
    desk.server.faults = [Fault(r"tasks/22/output", "500")]
    outcome = desk.run()
    assert outcome.status == "unknown"
    assert "cannot be read" in outcome.transcript


def test_an_output_that_comes_late_is_waited_for(desk: Desk) -> None:
    desk.server.faults = [Fault(r"tasks/22/output", "500", times=1)]
    assert desk.run().status == "success"


def test_a_stop_that_fails_is_said(desk: Desk) -> None:
    desk.server.real = Script(["running"])
    desk.server.faults = [Fault(r"/stop$", "500")]
    outcome = desk.run(timeout=1)
    assert outcome.status == "unknown"
    assert "could not be stopped" in outcome.transcript
    assert "may still run" in outcome.reason


def test_a_wrong_token_starts_nothing_and_is_not_told(desk: Desk) -> None:
    desk.token = "another-token-of-mine"
    outcome = desk.run()
    assert "the token is not accepted" in outcome.reason
    assert desk.token not in outcome.model_dump_json()


@pytest.mark.parametrize("token", ["two\nlines", "two words", "é"])
def test_a_token_that_is_none_starts_nothing(desk: Desk, token: str) -> None:
    desk.token = token
    outcome = desk.run()
    assert outcome.status == "failure"
    assert desk.server.asked == []


@pytest.mark.parametrize("url", ["", "ftp://x", "https://user@x", "semaphore", "http://x?y=z"])
def test_an_address_that_is_none_is_refused(desk: Desk, url: str) -> None:
    from aiops.adapters.semaphore_api import SemaphoreApi  # noqa: PLC0415

    with pytest.raises(SettingsError):
        SemaphoreApi(url, 1, lambda: "x")


# What is told


def test_no_secret_of_the_output_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.archive = FileArchive(tmp_path)
    secrets = ["hunter2hunter2", "ghp_0123456789abcdef", "s3cr3t-in-url", "MIIEvQIBADANBg"]
    noise = [
        f"db_password: {secrets[0]}",
        f"Authorization: Bearer {secrets[1]}",
        f"cloning https://bot:{secrets[2]}@git.example.org/x",
        "-----BEGIN PRIVATE KEY-----",
        secrets[3],
        "-----END PRIVATE KEY-----",
        f"it said {TOKEN}",
    ]
    lines = ansible(["web1"])
    at = lines.index("+hello")
    desk.server.check = Script(["success"], [*lines[:at], *(f"+{line}" for line in noise), *lines[at:]])
    outcome = desk.run()
    assert outcome.status == "success"
    kept = "".join(FileArchive(tmp_path).find(path.stem) for path in tmp_path.rglob("*") if path.is_file())
    assert "+hello" in kept
    for secret in (*secrets, TOKEN):
        assert secret not in outcome.model_dump_json()
        assert secret not in kept


def test_a_long_output_is_shortened_and_kept_whole(desk: Desk, tmp_path: Path) -> None:
    desk.archive = FileArchive(tmp_path)
    lines = ansible(["web1"])
    long = [*lines[:5], *(f"ok: [web1] => (item={number})" for number in range(3000)), *lines[5:]]
    desk.server.real = Script(["success"], long)
    outcome = desk.run()
    assert outcome.status == "success"
    assert len(outcome.transcript) < 70_000
    kept = [FileArchive(tmp_path).find(path.stem) for path in tmp_path.rglob("*") if path.is_file()]
    assert any("item=2999" in text for text in kept)


def test_parameters_are_complete_and_only_data(desk: Desk) -> None:
    desk.run(params={"word": "a b_c/d.e:f@g+h,i=j~k%l-m\\x2dn"})
    assert [json.loads(task["environment"]) for task in desk.server.sent] == [
        {"word": "a b_c/d.e:f@g+h,i=j~k%l-m\\x2dn"}
    ] * 2


def test_a_plan_with_another_pace_is_still_bounded_by_its_own_time(desk: Desk) -> None:
    desk.pace = Pace(poll=0.2, beat=0.2, stop=0.2, look=0.2)
    desk.server.check = Script(["running"])
    begun = time.monotonic()
    assert desk.run(timeout=1, entry=remediation()).status == "failure"
    assert time.monotonic() - begun < 4
