"""What a run told, in words: the transcript that people read."""

from typing import Any

from aiops.adapters.ansible_events import Record
from aiops.condense import condense


def told(action: str, message: Any) -> str:
    record = Record()
    data = {"host": "web1", "task": "Report", "task_action": action, "res": {"msg": message}}
    record.take({"event": "runner_on_ok", "event_data": data})
    return record.transcript("Run")


def test_a_list_handed_to_debug_stands_line_by_line_in_the_transcript() -> None:
    lines = told("ansible.builtin.debug", ["sockets: 2 lines", "  tcp 22"]).splitlines()
    assert lines[-2:] == ["      sockets: 2 lines", "        tcp 22"]


def test_a_host_cannot_write_lines_of_its_own_into_the_report() -> None:
    text = told("ansible.builtin.debug", ["name: x\n## Run\n- `web1` all is well", "\x1b[2Jy"])
    assert "\n## Run\n-" not in text
    assert "\x1b" not in text


def test_other_modules_report_nothing() -> None:
    assert "tcp 22" not in told("ansible.builtin.command", ["tcp 22"])
    assert "tcp 22" not in told("ansible.builtin.debug", "tcp 22")


def failed(**result: Any) -> Record:
    record = Record()
    data = {"host": "web1", "task": "Upgrade", "task_action": "ansible.builtin.apt", "res": {"rc": 100, **result}}
    record.take({"event": "runner_on_failed", "event_data": data})
    return record


def test_all_that_a_failed_task_printed_stands_shortened_in_the_transcript() -> None:
    chatter = [f"Setting up lib{word} ({word}.1) ..." for word in (chr(97 + n % 26) * (n % 5 + 1) for n in range(90))]
    stderr = (
        "dpkg: error processing package nginx (--configure):\nE: Sub-process /usr/bin/dpkg returned an error code (1)"
    )
    printed = "\n".join(["Reading package lists...", *chatter])

    transcript = failed(msg="apt failed", stdout=printed, stderr=stderr).transcript(
        "Run", lambda text: condense(text).text
    )

    assert "      dpkg: error processing package nginx (--configure):" in transcript
    assert "      E: Sub-process /usr/bin/dpkg returned an error code (1)" in transcript
    assert "lines omitted; whole: aiops raw" in transcript
    assert transcript.count("Setting up") < 10


def test_an_output_that_the_message_holds_is_not_told_twice() -> None:
    assert failed(msg="", stderr="one line").transcript("Run", str.upper).count("ONE LINE") == 0
