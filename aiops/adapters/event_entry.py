"""From an event, or from what claims to be one, to the entries of the event log. Never raises for bad input."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError

from aiops.domain.event import Event, quarantine_topic

CAP: Final = 64 * 1024
"""Bytes of one payload: what a Redis entry, an MQTT client of another agent and a Loki line all take without tuning."""

_VALUE: Final = 2 * 1024
_MARGIN: Final = 512
_RAW: Final = 16 * 1024

Raw = Mapping[str, Any] | str | bytes


@dataclass(frozen=True)
class LogEntry:
    """One entry of the log: what is published where."""

    topic: str
    payload: str
    type: str
    retain: bool = False
    quarantined: bool = False


def entries_of(event: Event, prefix: str) -> tuple[LogEntry, ...]:
    """The event; for a finished sweep the guardian's retained state too; its quarantine when it does not hold."""
    try:
        if not event.id:
            event = event.model_copy(update={"id": uuid4().hex})
        payload = _fitted(event.model_dump_json())
        # A model built without validation (model_construct, model_copy) must not reach subscribers either.
        Event.model_validate_json(payload)
        topic = event.topic(prefix)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        return (_quarantined(_reason(error), repr(event), prefix),)
    entry = LogEntry(topic, payload, event.type)
    if event.type != "sweep.finished":
        return (entry,)
    return (entry, LogEntry(event.state_topic(prefix), payload, event.type, retain=True))


def entries_of_raw(raw: Raw, prefix: str) -> tuple[LogEntry, ...]:
    """What a foreign publisher sent: an event, or its quarantine with the reason and the text."""
    try:
        event = Event.model_validate_json(raw) if isinstance(raw, str | bytes) else Event.model_validate(raw)
    except (ValueError, TypeError, RecursionError) as error:
        return (_quarantined(_reason(error), _readable(raw), prefix),)
    return entries_of(event, prefix)


def quarantined_payload(reason: str, raw: str) -> str:
    """The JSON that is published for what is no event: ASCII, so that any bytes survive."""
    if len(raw) > _RAW:
        raw = f"{raw[:_RAW]}{_marker(len(raw))}"
    # A character may take six bytes of JSON (\\u0000), so a long text is cut once more by what it really takes.
    while len(text := json.dumps({"reason": reason[:_VALUE], "raw": raw})) > CAP:
        raw = f"{raw[: len(raw) // 2]}{_marker(len(raw))}"
    return text


def _quarantined(reason: str, raw: str, prefix: str) -> LogEntry:
    return LogEntry(quarantine_topic(prefix), quarantined_payload(reason, raw), "event.quarantined", quarantined=True)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'event'}: {one['msg']}" for one in wrong[:8])
    return f"{type(error).__name__}: {error}"


def _readable(raw: Raw) -> str:
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "backslashreplace")
    if isinstance(raw, str):
        return raw
    try:
        return json.dumps(raw, default=repr)
    except (ValueError, TypeError, RecursionError):
        return f"a {type(raw).__name__} that cannot be written as JSON"


def _marker(length: int) -> str:
    return f" [truncated, {length} characters]"


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _fitted(payload: str) -> str:
    """The payload, with long values cut and marked when it is over the cap.

    :raises ValueError: it does not fit even so
    """
    if len(payload.encode()) <= CAP:
        return payload
    data: dict[str, Any] = json.loads(payload)
    context = data.pop("context")
    data = {key: _cut(value) for key, value in data.items()}
    room = CAP - _size(data) - _MARGIN
    kept: dict[str, Any] = {}
    for key, value in context.items():
        short = _cut(value)
        need = _size(key) + _size(short) + 8
        if need <= room:
            kept[key] = short
            room -= need
    kept["truncated"] = {"bytes": len(payload.encode()), "left_out": len(context.keys() - kept.keys())}
    text = json.dumps(data | {"context": kept}, ensure_ascii=False)
    if len(text.encode()) > CAP:
        raise ValueError(f"the event takes {len(payload.encode())} bytes and cannot be cut to {CAP}")
    return text


def _cut(value: Any) -> Any:
    if _size(value) <= _VALUE:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    head = text.encode()[: _VALUE // 2].decode("utf-8", "ignore")
    return head + _marker(len(text))
