import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from redis import Redis

from aiops.adapters.embedded import EmbeddedRedis
from aiops.adapters.redis_event_log import RedisEventLog
from aiops.adapters.redis_events import CURSOR, STREAM, RedisEvents
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.errors import BusError
from tests.servers import free_port, threads


def event(number: int) -> Event:
    return Event(
        source="test",
        cron="guardian-disk",
        severity=Severity.INFO,
        timestamp=utcnow(),
        host="ct1",
        symptom=f"event {number}",
    )


def symptoms(url: str) -> list[str]:
    with Redis.from_url(url, decode_responses=True) as client:
        return [json.loads(fields["payload"])["symptom"] for _, fields in client.xrange(STREAM)]


def until_written(url: str, count: int) -> list[str]:
    deadline = time.monotonic() + 10
    while len(symptoms(url)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return symptoms(url)


def test_the_stream_is_capped(redis_url: str) -> None:
    events = RedisEvents(redis_url, maxlen=500)
    for number in range(2_000):
        events.publish(event(number))
    events.close()
    kept = symptoms(redis_url)
    assert 500 <= len(kept) < 700
    assert kept[-1] == "event 1999"


def test_redis_away_is_said_once_and_everything_that_waited_is_written_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = EmbeddedRedis(tmp_path).start()
    events = RedisEvents(server.url, retry_seconds=0.1)
    events.publish(event(0))
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    began = time.monotonic()
    for number in range(1, 251):
        events.publish(event(number))
    assert time.monotonic() - began < 1
    with EmbeddedRedis(tmp_path, port=server.port) as again:
        assert until_written(again.url, 251) == [f"event {number}" for number in range(251)]
        events.publish(event(251))
        assert symptoms(again.url)[-1] == "event 251"
        events.close()
    messages = [record.getMessage() for record in caplog.records if record.name.endswith("redis_events")]
    assert len(messages) == 2
    assert "does not answer" in messages[0]
    assert server.password not in "".join(messages)
    assert "answers again" in messages[1]


def test_what_no_longer_fits_in_memory_is_dropped_oldest_first_and_counted(tmp_path: Path) -> None:
    port = free_port()
    server = EmbeddedRedis(tmp_path, port=port).start()
    url = server.url
    server.stop()
    events = RedisEvents(url, buffer=10, retry_seconds=0.1)
    for number in range(25):
        events.publish(event(number))
    with EmbeddedRedis(tmp_path, port=port):
        assert until_written(url, 10) == [f"event {number}" for number in range(15, 25)]
        assert events.counters() == {"dropped": 15}
        events.close()


def test_a_redis_that_accepts_and_never_answers_delays_one_publisher_for_seconds_and_nobody_after() -> None:
    before = threads()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        events = RedisEvents(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", seconds=0.3)
        events.publish(event(1))
        began = time.monotonic()
        for number in range(100):
            events.publish(event(number))
        assert time.monotonic() - began < 0.2
        events.close()
    assert threads() == before


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_worker_publishes_for_itself_while_its_parent_still_waits(tmp_path: Path) -> None:
    port = free_port()
    server = EmbeddedRedis(tmp_path, port=port).start()
    url = server.url
    server.stop()
    events = RedisEvents(url, retry_seconds=0.2)
    events.publish(event(1))
    again, begin = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of pytest may run in the child, whatever happens.
        try:
            os.read(again, 1)
            events.publish(event(2))
            events.close()
        finally:
            os._exit(0)
    with EmbeddedRedis(tmp_path, port=port):
        os.write(begin, b"x")
        os.waitpid(child, 0)
        assert sorted(until_written(url, 2)) == ["event 1", "event 2"]
        events.close()
    os.close(again)
    os.close(begin)


def test_a_full_redis_is_an_outage_not_a_crash(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        events = RedisEvents(server.url, retry_seconds=0.1)
        events.publish(event(1))
        assert symptoms(server.url) == []
        client.config_set("maxmemory", 0)
        assert until_written(server.url, 1) == ["event 1"]
        events.close()


def gaps(url: str) -> list[Event]:
    with Redis.from_url(url, decode_responses=True) as client:
        payloads = [Event.model_validate_json(fields["payload"]) for _, fields in client.xrange(STREAM)]
    return [one for one in payloads if one.type == "bridge.gap"]


def test_a_deleted_stream_is_noticed_once_and_read_from_its_start(redis_url: str) -> None:
    events = RedisEvents(redis_url)
    log = RedisEventLog(redis_url, events)
    with Redis.from_url(redis_url) as client:
        client.set(CURSOR, "99999999999999-0")
        events.publish(event(1))
        for _ in range(3):
            entries = log.read(log.cursor(), 10, 0)
            assert Event.model_validate_json(entries[0].payload).symptom == "event 1"
        (gap,) = gaps(redis_url)
        assert gap.severity is Severity.WARNING
        assert gap.context == {"cursor": "99999999999999-0"}
        log.move(entries[-1].cursor)
        client.delete(STREAM)
        log.read(log.cursor(), 10, 0)
        assert len(gaps(redis_url)) == 1
        assert len(log.read(log.cursor(), 10, 0)) == 1
    events.close()
    log.close()


def test_a_stream_trimmed_past_the_bridge_is_noticed(redis_url: str) -> None:
    events = RedisEvents(redis_url)
    log = RedisEventLog(redis_url, events)
    for number in range(10):
        events.publish(event(number))
    log.move(log.read("0", 2, 0)[-1].cursor)
    assert len(log.read(log.cursor(), 100, 0)) == 8
    assert gaps(redis_url) == []
    with Redis.from_url(redis_url) as client:
        client.xtrim(STREAM, maxlen=3, approximate=False)
    assert len(log.read(log.cursor(), 100, 0)) == 3
    assert len(gaps(redis_url)) == 1
    events.close()
    log.close()


def test_a_garbled_cursor_starts_from_the_beginning(redis_url: str) -> None:
    events = RedisEvents(redis_url)
    log = RedisEventLog(redis_url, events)
    log.move("not a cursor")
    events.publish(event(1))
    for _ in range(2):
        assert Event.model_validate_json(log.read(log.cursor(), 10, 0)[0].payload).symptom == "event 1"
    assert len(gaps(redis_url)) == 1
    events.close()
    log.close()


def test_a_log_without_redis_says_so() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    events = RedisEvents(url)
    log = RedisEventLog(url, events)
    for call in (log.cursor, lambda: log.move("1-1"), lambda: log.read("0", 1, 1)):
        with pytest.raises(BusError, match=r"redis 127\.0\.0\.1"):
            call()
    events.close()
    log.close()
