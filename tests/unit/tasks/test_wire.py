"""What may enter Celery from a queue, and what may not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.wire import LARGEST, fault


def message(**changes: Any) -> dict[str, Any]:
    """What Celery 5.7 puts into a queue for ``close.apply_async((...,), countdown=..., headers={"incident": ...})``."""
    good: dict[str, Any] = {
        "body": "W1tdLCB7fSwge31d",
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": "close",
            "id": "0f8a",
            "shadow": None,
            "eta": "2026-11-23T12:00:00+00:00",
            "expires": "2026-11-23T12:05:00.123456+00:00",
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": "0f8a",
            "parent_id": None,
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "origin": "gen1@host",
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
            "incident": "inc-1",
        },
        "properties": {
            "correlation_id": "0f8a",
            "reply_to": "b2",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "incidents", "routing_key": "incidents"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "c3",
        },
    }
    for path, value in changes.items():
        place = good
        *way, last = path.split("__")
        for step in way:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return good


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_a_message_of_celery_is_one() -> None:
    assert fault(encoded(message())) is None


def test_a_message_that_was_put_back_is_one() -> None:
    assert fault(encoded(message(properties__delivery_info__redelivered=True))) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x80\x04\x95", "it: json_invalid"),
        (b"", "it: json_invalid"),
        (b"[" * 100_000, "it: json_invalid"),
        (b"null", "it: model_type"),
        (b'"text"', "it: model_type"),
        (encoded(message(body="%%%")), "body: value_error"),
        (encoded(message(body=7)), "body: string_type"),
        (encoded(message(headers=[])), "headers: model_type"),
        (encoded(message(headers__task=["close"])), "headers.task: string_type"),
        (encoded(message(headers__task=...)), "headers.task: missing"),
        (encoded(message(headers__id=...)), "headers.id: missing"),
        (encoded(message(headers__eta="soon")), "headers.eta: value_error"),
        (encoded(message(headers__timelimit=7)), "headers.timelimit: list_type"),
        (encoded(message(headers__retries=-1)), "headers.retries: greater_than_equal"),
        (encoded(message(headers__stamps={"a": 1})), "headers.stamps: too_long"),
        (encoded(message(properties__delivery_tag=...)), "properties.delivery_tag: missing"),
        (encoded(message(properties__delivery_info="x")), "properties.delivery_info: model_type"),
        (encoded(message(**{"content-type": "application/x-python-serialize"})), "content-type: literal_error"),
        (b" " * (LARGEST + 1), f"it is larger than {LARGEST} bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_none_is_named(raw: bytes, reason: str) -> None:
    assert fault(raw) == reason


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    assert fault(raw) is not None


def test_the_reason_repeats_nothing_of_the_message() -> None:
    assert "secret" not in str(fault(encoded(message(headers__task={"secret": "secret"}))))
