import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops.adapters import event_schema
from aiops.adapters.event_entry import entries_of_raw
from aiops.domain.event import DIALECT, Event
from tests.unit.test_event import OPERATORS

SCHEMA = event_schema.schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def test_the_committed_schema_is_what_the_model_says() -> None:
    assert not event_schema.stale(), "run: python -m aiops.adapters.event_schema"
    assert json.loads(event_schema.COMMITTED.read_text(encoding="utf-8")) == SCHEMA


def test_it_is_a_schema_of_the_dialect_it_names() -> None:
    assert SCHEMA["$schema"] == DIALECT
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_operators_event_is_valid_unchanged() -> None:
    assert set(OPERATORS) == {"source", "cron", "severity", "timestamp", "host", "symptom", "context"}
    CHECK.validate(OPERATORS)
    dumped = Event.model_validate(OPERATORS).model_dump(mode="json")
    assert {key: dumped[key] for key in OPERATORS} == OPERATORS | {"timestamp": "2026-11-23T09:00:04.000Z"}


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "fatal"},
        {"timestamp": "2026-11-23T09:00:04"},
        {"timestamp": "2026-11-23T09:00:04+01:00"},
        {"timestamp": 1763888404},
        {"source": ""},
        {"cron": ""},
        {"host": ""},
        {"symptom": ""},
        {"host": None},
        {"context": "text"},
        {"type": "no dot"},
    ],
)
def test_what_the_model_refuses_the_schema_refuses(changes: dict[str, Any]) -> None:
    assert not CHECK.is_valid(OPERATORS | changes)
    with pytest.raises(ValidationError):
        Event.model_validate(OPERATORS | changes)


@pytest.mark.parametrize("field", ["source", "cron", "severity", "timestamp", "host", "symptom"])
def test_a_missing_field_is_refused_by_both(field: str) -> None:
    without = {key: value for key, value in OPERATORS.items() if key != field}
    assert not CHECK.is_valid(without)
    with pytest.raises(ValidationError):
        Event.model_validate(without)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    context=st.dictionaries(st.text(), JSON, max_size=5),
    extra=st.dictionaries(st.from_regex(r"x_[a-z]{1,8}", fullmatch=True), JSON),
)
def test_whatever_is_published_is_strict_json_that_the_schema_accepts(
    context: dict[str, Any], extra: dict[str, Any]
) -> None:
    (entry,) = entries_of_raw(OPERATORS | extra | {"context": context}, "p")
    assert not entry.quarantined

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    CHECK.validate(json.loads(entry.payload, parse_constant=refuse))


@settings(deadline=None)
@given(raw=st.text() | st.binary() | st.dictionaries(st.text(), JSON))
def test_garbage_is_quarantined_and_never_raises(raw: Any) -> None:
    (entry,) = entries_of_raw(raw, "p")
    assert entry.quarantined
    assert json.loads(entry.payload)["reason"]
