import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops.adapters.console_notifier import ConsoleNotifier, FileNotifier, MemoryNotifier
from aiops.domain.event import Event
from aiops.domain.severity import Severity
from aiops.errors import TransientError


def event(symptom: str = "38 agents are gone") -> Event:
    return Event(
        source="hermes",
        cron="guardian-health",
        severity=Severity.CRITICAL,
        timestamp=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
        host="ct234",
        symptom=symptom,
        type="incident.opened",
        incident="inc-20261123-abcdef",
    )


def test_the_console_prints_one_line_for_a_human() -> None:
    stream = io.StringIO()
    ConsoleNotifier(stream).tell(event())
    assert stream.getvalue() == (
        "2026-11-23T09:00:00.000Z critical ct234: 38 agents are gone (incident.opened) [inc-20261123-abcdef]\n"
    )


def test_standard_error_is_where_it_prints_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleNotifier().tell(event())
    printed = capsys.readouterr()
    assert "38 agents are gone" in printed.err
    assert printed.out == ""


def test_text_from_a_log_cannot_move_the_cursor_or_start_a_second_line() -> None:
    stream = io.StringIO()
    ConsoleNotifier(stream).tell(event("gone\n\x1b[2Jall is well\r"))
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


def test_a_closed_console_is_tried_again_later() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(TransientError):
        ConsoleNotifier(stream).tell(event())


def test_the_file_gets_one_line_of_json_each_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "notifications.jsonl"
    FileNotifier(path).tell(event())
    FileNotifier(path).tell(event("second\nline"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["symptom"] for line in lines] == ["38 agents are gone", "second\nline"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="cannot be written"):
        FileNotifier(tmp_path / "nowhere" / "notifications.jsonl").tell(event())


def test_the_list_keeps_what_was_told_and_can_be_broken() -> None:
    notifier = MemoryNotifier()
    notifier.tell(event())
    notifier.broken = True
    with pytest.raises(TransientError):
        notifier.tell(event())
    assert notifier.told == [event()]
