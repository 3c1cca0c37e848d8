"""The bridge's end of the event stream."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis import Redis
from redis.exceptions import ResponseError

from aiops.adapters.event_entry import quarantined_payload
from aiops.adapters.redis_client import FAILURES, connect, where
from aiops.adapters.redis_events import CURSOR, STREAM
from aiops.domain.event import Event, quarantine_topic
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.errors import BusError
from aiops.ports import Events, Mirrored

START: Final = "0"
_LONGEST_TOPIC: Final = 1024


class RedisEventLog:
    """Port ``EventLog``.

    The cursor lies in Redis beside the stream, not in a file: they share one append-only file and so one fate. A wipe takes
    both, a restored backup brings both back to the same moment (then events are mirrored twice, never skipped), and the
    bridge may move to another container without bringing anything along.

    When the stream no longer holds the entry the cursor points to (deleted, trimmed past a bridge that was away for long, a clock
    that was set back), that is said once, as a ``bridge.gap`` event, and reading goes on with the oldest entry there is.
    """

    def __init__(self, url: str, events: Events, *, prefix: str = "pixelium", seconds: float = 5.0) -> None:
        """``events`` takes the warning of a gap; ``seconds`` bounds one connect and one answer."""
        self._client: Redis = connect(url, seconds=seconds)
        self._events, self._prefix, self._seconds = events, prefix, seconds
        self._warned = ""

    def read(self, after: str, count: int, seconds: float) -> Sequence[Mirrored]:
        """Waits at most ``seconds``, and never longer than half the time it gives Redis to answer.

        :raises BusError: Redis does not answer
        """
        try:
            start, found = self._look(after, count)
            if not found and seconds > 0:
                block = max(1, int(min(seconds, self._seconds / 2) * 1000))
                found = _rows(self._client.xread({STREAM: start}, count=count, block=block))
        except FAILURES as error:
            raise BusError(where(self._client), str(error)) from error
        return [self._mirrored(cursor, fields) for cursor, fields in found]

    def cursor(self) -> str:
        """:raises BusError: Redis does not answer."""
        try:
            return str(self._client.get(CURSOR) or START)
        except FAILURES as error:
            raise BusError(where(self._client), str(error)) from error

    def move(self, cursor: str) -> None:
        """:raises BusError: Redis does not answer."""
        try:
            self._client.set(CURSOR, cursor)
        except FAILURES as error:
            raise BusError(where(self._client), str(error)) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _look(self, after: str, count: int) -> tuple[str, list[tuple[str, Mapping[str, str]]]]:
        """Read without waiting, from the cursor or, when the cursor makes no sense any more, from the start."""
        position = _position(after)
        start = after if position else START
        with self._client.pipeline(transaction=True) as commands:
            commands.xinfo_stream(STREAM)
            commands.xread({STREAM: start}, count=count)
            info, found = commands.execute(raise_on_error=False)
        if isinstance(found, Exception):
            raise found
        if isinstance(info, ResponseError) and "no such key" in str(info):
            info = {}
        elif isinstance(info, Exception):
            raise info
        if after == START:
            return start, _rows(found)
        if position is None or position > _last(info):
            self._warn(after, "the event log does not reach to where the bridge had stopped; it starts again")
            return START, _rows(self._client.xread({STREAM: START}, count=count))
        if position < _first(info):
            self._warn(
                after, "the event log no longer goes back to where the bridge had stopped; events may be missing"
            )
        return start, _rows(found)

    def _warn(self, after: str, symptom: str) -> None:
        if self._warned == after:
            return
        self._warned = after
        self._events.publish(
            Event(
                source="bridge",
                cron="bridge",
                severity=Severity.WARNING,
                timestamp=utcnow(),
                host="bridge",
                symptom=symptom,
                context={"cursor": after},
                type="bridge.gap",
            )
        )

    def _mirrored(self, cursor: str, fields: Mapping[str, str]) -> Mirrored:
        topic, payload = fields.get("topic", ""), fields.get("payload", "")
        if not _publishable(topic):
            text = quarantined_payload("an entry of the event log without a usable topic", str(dict(fields)))
            return Mirrored(cursor, quarantine_topic(self._prefix), text, quarantined=True)
        return Mirrored(cursor, topic, payload, "quarantined" in fields, "retain" in fields)


def _publishable(topic: str) -> bool:
    return 0 < len(topic.encode()) < _LONGEST_TOPIC and re.search(r"[+#\x00-\x1f\ufffd]", topic) is None


def _position(cursor: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", cursor)
    return (int(match[1]), int(match[2] or 0)) if match else None


def _last(info: Mapping[str, Any]) -> tuple[int, int]:
    return _position(str(info.get("last-generated-id", START))) or (0, 0)


def _first(info: Mapping[str, Any]) -> tuple[int, int]:
    entry = info.get("first-entry")
    return (_position(str(entry[0])) or (0, 0)) if entry else (0, 0)


def _rows(answer: Any) -> list[tuple[str, Mapping[str, str]]]:
    return [(cursor, fields or {}) for _, entries in answer or () for cursor, fields in entries]
