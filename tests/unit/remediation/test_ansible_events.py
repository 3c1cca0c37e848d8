"""What a run told, in words: the transcript that people read."""

from typing import Any

from aiops.adapters.ansible_events import Record


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
