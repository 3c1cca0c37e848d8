import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops.adapters.memory_events import MemoryEvents
from aiops.domain.event import TYPES, Event
from aiops.errors import UnknownError

ROOT = Path(__file__).parents[2]
OPERATORS: dict[str, Any] = {
    "source": "openfang",
    "cron": "guardian-disk",
    "severity": "warning",
    "timestamp": "2026-11-23T09:00:04Z",
    "host": "CT234",
    "symptom": "/ is 91 % full",
    "context": {"expected_state": "below 85 %", "last_seen_active": "2026-11-23T08:45:00Z", "related_hosts": ["pve2"]},
}


def event(**changes: Any) -> Event:
    return Event.model_validate(OPERATORS | changes)


@pytest.mark.parametrize(
    ("changes", "topic"),
    [
        ({}, "pixelium/guardian/disk/warning"),
        ({"cron": "disk", "severity": "critical"}, "pixelium/guardian/disk/critical"),
        ({"cron": "guardian-security"}, "pixelium/security/security/warning"),
        ({"cron": "guardian-soc"}, "pixelium/security/soc/warning"),
        ({"response": True, "incident": "inc-20261123-abcdef"}, "pixelium/claude-ct196/response/inc-20261123-abcdef"),
        ({"response": True}, "pixelium/guardian/disk/warning"),
    ],
)
def test_an_event_knows_its_topic(changes: dict[str, Any], topic: str) -> None:
    assert event(**changes).topic() == topic


@settings(deadline=None)
@given(cron=st.text(min_size=1), incident=st.text(), response=st.booleans())
def test_no_name_can_leave_its_place_in_the_topic(cron: str, incident: str, *, response: bool) -> None:
    topic = event(cron=cron, incident=incident, response=response).topic("p")
    assert re.fullmatch(r"p/(guardian|security|claude-ct196)/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", topic)
    assert re.fullmatch(r"p/guardian/[a-z0-9_-]+/state", event(cron=cron).state_topic("p"))


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-23T09:00:04",
        "2026-11-23T09:00:04+00:00",
        "2026-11-23",
        "2026-11-23 09:00:04Z",
        1763888404,
        "1763888404Z",
    ],
)
def test_a_time_that_is_not_utc_text_ending_in_z_is_refused(timestamp: str | int) -> None:
    with pytest.raises(ValidationError, match="timestamp"):
        event(timestamp=timestamp)


@pytest.mark.parametrize(
    "timestamp", ["2026-11-23T09:00:04Z", "2026-11-23T09:00:04.123Z", "2026-11-23T09:00:04.123456789Z"]
)
def test_a_time_in_utc_survives(timestamp: str) -> None:
    assert event(timestamp=timestamp).model_dump(mode="json")["timestamp"].startswith("2026-11-23T09:00:04.")


def test_what_a_foreign_publisher_adds_is_kept() -> None:
    assert event(rack="r2").model_dump()["rack"] == "r2"


def test_our_own_code_cannot_publish_a_type_nobody_wrote_down() -> None:
    with pytest.raises(UnknownError, match=r"sweep\.finnished.*TYPES"):
        MemoryEvents().publish(event(type="sweep.finnished"))


def types_in(source: str) -> set[str]:
    """What stands as ``type="..."`` in calls of ``Event``, and in calls of what publishes for a step."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    given = [
        value
        for call in calls
        for name in [getattr(call.func, "id", getattr(call.func, "attr", ""))]
        for value in [
            *[keyword.value for keyword in call.keywords if name == "Event" and keyword.arg == "type"],
            *[argument for argument in call.args if name in {"happened", "_tell", "_publish"}],
        ]
    ]
    texts = {value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)}
    return {text for text in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+", text)}


def test_every_type_that_stands_in_the_code_is_written_down() -> None:
    files = [file for folder in ("aiops", "tasks", "workers") for file in (ROOT / folder).rglob("*.py")]
    used = set[str]().union(*(types_in(file.read_text(encoding="utf-8")) for file in files))
    assert used >= {"verdict.given", "bridge.gap"}
    assert used - TYPES.keys() == set()


def test_every_type_has_its_form_and_a_sentence() -> None:
    for name, sentence in TYPES.items():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
