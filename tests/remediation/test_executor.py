"""The executor against a real sshd: what it does, what it refuses, and what it leaves behind."""

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.ports import Claim
from tests.plans import NOON
from tests.remediation.conftest import PLAYBOOK, Bench, processes_with

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    # Python 3.12 warns of every fork beside a thread; ansible-runner's pexpect forks, and one test runs it in a thread.
    pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning"),
]

CANARIES = [
    "{{ lookup('pipe', 'touch CANARY') }}",
    "{{ lookup('ansible.builtin.pipe', 'touch CANARY') }}",
    "{{ query('pipe', 'touch CANARY') }}",
    "{% set x = lookup('pipe', 'touch CANARY') %}",
    "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{# CANARY #}",
    "$(touch CANARY)",
    "`touch CANARY`",
    "; touch CANARY",
    "| touch CANARY",
    "\n- ansible.builtin.command: touch CANARY",
    '"}}, "ansible_become_exe": "touch CANARY',
    "!unsafe x",
    "!vault |\n  x",
    "'\"\\",
    "yes",
    "2026-11-23",
]


def test_a_plan_is_announced_and_then_done(bench: Bench, private: Path) -> None:
    outcome = bench.run(word="hello")
    assert outcome.status == "success", outcome.reason
    assert bench.mark == "hello\n"
    assert outcome.recap == {"web1": {"ok": 1, "changed": 1, "failures": 0, "unreachable": 0, "skipped": 0}}
    assert "web1: Write what was asked for" in outcome.changes
    assert "+hello" in outcome.changes
    assert outcome.fence == bench.fence
    assert outcome.started_at is not None
    assert "## Check mode" in outcome.transcript
    assert "- `web1` Write what was asked for: changed" in outcome.transcript.partition("## Run")[2]
    assert list(private.iterdir()) == [], "nothing is left on this side"
    assert processes_with(str(private)) == [], "no connection is left open"


def test_what_is_done_already_is_not_done_again(bench: Bench) -> None:
    bench.run()
    outcome = bench.run()
    assert outcome.status == "success"
    assert outcome.changes == ""
    assert outcome.recap["web1"]["changed"] == 0


def test_no_text_is_ever_a_template_or_a_command(bench: Bench) -> None:
    """One run with all of them: each is written to the host as it is."""
    canary = bench.folder / "canary"
    texts = [text.replace("CANARY", str(canary)) for text in CANARIES]
    bench.playbook(
        "canaries",
        "---\n- name: Write\n  hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n"
        "    - name: Write\n      ansible.builtin.copy:\n"
        "        content: \"{{ words | join('|') }}\"\n        dest: \"{{ place }}\"\n        mode: '0644'\n"
        "    - name: Say\n      ansible.builtin.command:\n        argv: \"{{ ['echo'] + words }}\"\n",
    )
    outcome = bench.run("canaries", words=texts, place=str(bench.folder / "{{ 7 * 7 }}"))
    assert outcome.status == "success", outcome.reason
    assert (bench.folder / "{{ 7 * 7 }}").read_text() == "|".join(texts)
    assert not canary.exists()


def test_a_host_whose_key_is_not_known_is_not_touched(bench: Bench) -> None:
    (bench.folder / "empty").write_text("")
    outcome = bench.run(known_hosts="empty")
    assert outcome.status == "failure"
    assert "Host key verification failed" in outcome.reason
    assert (bench.mark, outcome.started_at) == ("", None)


def test_a_host_with_another_key_is_not_touched(bench: Bench) -> None:
    key = (bench.folder / "key.pub").read_text().split()[1]
    (bench.folder / "other").write_text(f"[127.0.0.1]:{bench.port} ssh-ed25519 {key}\n")
    outcome = bench.run(known_hosts="other")
    assert outcome.status == "failure"
    assert "Host key verification failed" in outcome.reason
    assert bench.mark == ""


def test_a_host_that_is_not_there_is_said(bench: Bench) -> None:
    outcome = bench.run(hosts=(bench.host.model_copy(update={"port": 1}),))
    assert outcome.status == "failure"
    assert "cannot be reached" in outcome.reason


def test_one_host_that_is_not_there_stops_the_plan_for_all(bench: Bench) -> None:
    gone = Host(name="web2", address="127.0.0.1", port=1)
    assert bench.run(hosts=(bench.host, gone)).status == "failure"
    assert bench.mark == ""


@pytest.mark.parametrize("address", ["-oProxyCommand=touch x", "a b", "{{ x }}", "$(x)", "a\nb"])
def test_an_address_that_is_none_is_refused(bench: Bench, address: str) -> None:
    outcome = bench.run(hosts=(Host(name="web1", address=address),))
    assert outcome.status == "failure"
    assert "is no address" in outcome.reason


def test_this_machine_needs_no_ssh(bench: Bench) -> None:
    outcome = bench.run(hosts=(Host(name="here", local=True),), known_hosts="none")
    assert outcome.status == "success", outcome.reason
    assert bench.mark == "hello\n"


def test_a_failing_check_changes_nothing(bench: Bench) -> None:
    refuses = "    - name: Refuse\n      ansible.builtin.assert:\n        that: false\n        fail_msg: not this one\n"
    bench.playbook("refuses", PLAYBOOK.replace("  tasks:\n", f"  tasks:\n{refuses}"))
    outcome = bench.run("refuses")
    assert outcome.status == "failure"
    assert outcome.reason == "check mode failed, nothing was changed: web1: Refuse: not this one"
    assert (bench.mark, outcome.started_at) == ("", None)


def test_a_failing_task_is_named_with_what_it_said(bench: Bench) -> None:
    bench.playbook(
        "fails",
        "---\n- name: Fail\n  hosts: all\n  become: true\n  gather_facts: false\n  tasks:\n"
        "    - name: Complain\n      ansible.builtin.command:\n"
        "        argv: [sh, -c, 'echo one >&2; printf \"\\033[31mtwo\\n\" >&2; exit 3']\n",
    )
    outcome = bench.run("fails")
    assert (outcome.status, outcome.reason) == ("failure", "web1: Complain: one / [31mtwo")
    assert outcome.recap["web1"]["failures"] == 1
    assert "\033" not in outcome.transcript


def test_a_playbook_that_cannot_be_read_is_a_failure(bench: Bench) -> None:
    bench.playbook("broken", "---\n- hosts: all\n  tasks: [{nonsense: 1}]\n")
    outcome = bench.run("broken")
    assert outcome.status == "failure"
    assert outcome.reason.startswith("check mode failed")
    assert "nonsense" in outcome.reason


def test_without_a_permit_after_the_check_nothing_is_changed(bench: Bench) -> None:
    bench.gate.open = False
    outcome = bench.run()
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "frozen")
    assert (bench.mark, outcome.started_at) == ("", None)
    assert "+hello" in outcome.changes, "what would have been done is known all the same"


def test_a_claim_that_is_lost_before_the_run_changes_nothing(bench: Bench) -> None:
    outcome = bench.run(beat=lambda: False)
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert bench.mark == ""


def test_a_run_that_takes_too_long_is_killed_with_everything_it_started(bench: Bench, private: Path) -> None:
    begun = time.monotonic()
    outcome = bench.run("slow", seconds="601", timeout=25)
    assert outcome.status == "unknown"
    assert "its time is over" in outcome.reason
    assert time.monotonic() - begun < 40
    assert processes_with(str(private)) == []
    assert list(private.iterdir()) == []
    assert "begun" in bench.mark
    assert "ended" not in bench.mark


def test_a_run_whose_claim_is_lost_is_killed(bench: Bench, private: Path) -> None:
    outcome = bench.run("slow", seconds="602", beat=lambda: "begun" not in bench.mark)
    assert outcome.status == "unknown"
    assert "its claim was lost" in outcome.reason
    assert processes_with(str(private)) == []


def test_the_worker_s_secrets_do_not_reach_ansible(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    monkeypatch.setenv("ANSIBLE_BECOME_EXE", "/bin/false")
    bench.playbook(
        "environment",
        "---\n- name: Print\n  hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - name: Print\n      ansible.builtin.copy:\n"
        "        content: \"{{ lookup('ansible.builtin.pipe', 'env') }}\"\n        dest: \"{{ place }}\"\n        mode: '0600'\n",
    )
    assert bench.run("environment").status == "success"
    assert "ANSIBLE_CONFIG=" in bench.mark
    assert "s3cret" not in bench.mark
    assert "/bin/false" not in bench.mark


# The fence


def test_an_older_claim_is_not_let_in(bench: Bench) -> None:
    old = bench.claim("p1")
    assert bench.run(claim=bench.claim("p2")).status == "success"
    outcome = bench.run(claim=old, word="harm")
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "busy")
    assert "p2 has this host" in outcome.reason
    assert bench.mark == "hello\n"


def test_the_fence_of_another_plan_is_not_let_in(bench: Bench) -> None:
    first = bench.claim("p1")
    assert bench.run(claim=first).status == "success"
    outcome = bench.run(claim=Claim("p2", first.fence, NOON, ("web1",)), word="harm")
    assert outcome.status == "skipped"
    assert bench.mark == "hello\n"


def test_while_a_command_of_another_run_works_there_a_new_run_is_not_started(bench: Bench) -> None:
    bench.run()
    with (bench.fence_folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        outcome = bench.run(word="harm")
    assert outcome.status == "skipped"
    assert "still working" in outcome.reason
    assert bench.run(word="later").status == "success"


def test_the_claim_is_kept_alive_while_a_host_lets_us_wait(bench: Bench) -> None:
    bench.run()
    beats: list[float] = []

    def beat() -> bool:
        beats.append(time.monotonic())
        return True

    with (bench.fence_folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert bench.run(beat=beat).status == "skipped"
    assert beats


def test_an_orphan_is_stopped_at_its_next_task_by_a_newer_run(bench: Bench) -> None:
    """The worker's claim is taken over while its playbook is between two tasks."""
    outcomes: list[Outcome] = []
    orphan = threading.Thread(target=lambda: outcomes.append(bench.run("slow", seconds="4")))
    orphan.start()
    bench.wait_for_mark("begun")
    stamp = bench.fence_folder / "stamp"
    stamp.write_text(f"{bench.fence + 1} p2\n")  # what a newer acquire writes; it would wait for the task's lock
    orphan.join(60)
    assert bench.mark == "begun\n", "its last task never ran"
    assert outcomes[0].status == "failure"
    assert "aiops-fence: p2 has this host" in outcomes[0].reason


def test_a_fence_folder_that_others_may_write_to_is_not_trusted(bench: Bench) -> None:
    bench.fence_folder.mkdir()
    bench.fence_folder.chmod(0o777)
    outcome = bench.run()
    assert outcome.status == "failure"
    assert "is not root's own" in outcome.reason
    bench.fence_folder.chmod(0o700)
    os.chown(bench.fence_folder, 65534, 65534)
    assert bench.run().status == "failure"
    assert bench.mark == ""
