import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from aiops.adapters.embedded import EmbeddedMqtt, EmbeddedRedis
from aiops.adapters.memory_events import MemoryBroker, MemoryEventLog, MemoryEvents
from aiops.adapters.mqtt import MqttAddress, MqttBroker
from aiops.adapters.redis_event_log import RedisEventLog
from aiops.adapters.redis_events import RedisEvents
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.severity import Severity
from aiops.ports import BridgeServices
from aiops.steps.mirror import mirror
from tests.servers import Heard, Relay, Subscriber, threads

ROOT = Path(__file__).parents[2]


def event(number: int) -> Event:
    return Event(
        source="test",
        cron="guardian-disk",
        severity=Severity.INFO,
        timestamp=utcnow(),
        host="ct1",
        symptom=f"event {number}",
        context={"number": number},
    )


def numbers(heard: list[Heard]) -> list[int]:
    """The numbers of the events, without what was heard before."""
    return list(dict.fromkeys(json.loads(one.payload)["context"]["number"] for one in heard))


class Running:
    """The step in a thread."""

    def __init__(self, services: BridgeServices, sign: Callable[[], None] = lambda: None) -> None:
        self.stop = threading.Event()
        self.count = -1
        self._services, self._sign = services, sign
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> int:
        self.stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self.count

    def _run(self) -> None:
        self.count = mirror(self._services, self.stop, self._sign)


def until(*, true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_cursor_moves_only_past_what_the_broker_acknowledged() -> None:
    events, broker = MemoryEvents(), MemoryBroker()
    log = MemoryEventLog(events)
    for number in range(5):
        events.publish(event(number))
    broker.accept = 3
    running = Running(BridgeServices(log, broker))
    until(true=lambda: ("degraded", "memory does not answer: no acknowledgement") in broker.states)
    assert log.cursor() == "3"
    broker.accept = None
    until(true=lambda: log.cursor() == "5")
    until(true=lambda: broker.states[-1] == ("online", ""))
    assert running.end() == 5
    assert [json.loads(one.payload)["context"]["number"] for one in broker.published] == [0, 1, 2, 3, 4]


def test_a_log_that_is_away_is_announced_once_and_read_again() -> None:
    events, broker = MemoryEvents(), MemoryBroker()
    log = MemoryEventLog(events)
    log.down = True
    running = Running(BridgeServices(log, broker))
    until(true=lambda: broker.states == [("degraded", "memory does not answer: down")])
    time.sleep(1)
    assert len(broker.states) == 1
    log.down = False
    events.publish(event(1))
    until(true=lambda: len(broker.published) == 1)
    until(true=lambda: broker.states[1:] == [("online", "")])
    assert running.end() == 1


def test_a_broker_that_is_gone_is_noticed_with_nothing_to_publish() -> None:
    broker, signs = MemoryBroker(), list[float]()
    running = Running(BridgeServices(MemoryEventLog(MemoryEvents()), broker), lambda: signs.append(time.monotonic()))
    until(true=lambda: len(signs) >= 2)
    broker.accept = 0
    until(true=lambda: ("degraded", "memory does not answer: no acknowledgement") in broker.states)
    silent = len(signs)
    time.sleep(0.8)  # two more attempts: what does not come can only be waited for
    assert len(signs) == silent
    broker.accept = None
    until(true=lambda: len(signs) > silent)
    until(true=lambda: broker.states[-1] == ("online", ""))
    assert running.end() == 0


def test_it_stops_at_once_when_asked_and_leaves_no_thread(redis_url: str, mqtt_address: MqttAddress) -> None:
    before = threads()
    events = RedisEvents(redis_url)
    log = RedisEventLog(redis_url, events)
    broker = MqttBroker(mqtt_address)
    assert broker.wait(5)
    running = Running(BridgeServices(log, broker))
    events.publish(event(1))
    until(true=lambda: log.cursor() != "0")
    began = time.monotonic()
    assert running.end() == 1
    assert time.monotonic() - began < 2
    broker.close()
    log.close()
    events.close()
    assert threads() == before


def test_quarantined_and_retained_entries_keep_their_nature(redis_url: str, mqtt_address: MqttAddress) -> None:
    events = RedisEvents(redis_url, prefix="keep")
    log = RedisEventLog(redis_url, events, prefix="keep")
    broker = MqttBroker(mqtt_address, prefix="keep")
    assert broker.wait(5)
    with Subscriber(mqtt_address.port, "keep/#") as subscriber:
        events.publish_raw("garbage")
        events.publish(event(1).model_copy(update={"type": "sweep.finished"}))
        with Redis.from_url(redis_url) as foreign:
            foreign.xadd("aiops:events", {"hello": "world"})
            foreign.xadd("aiops:events", {"topic": "keep/#", "payload": "x"})
            foreign.xadd("aiops:events", {b"\xff\xfe": b"\xff"})
        running = Running(BridgeServices(log, broker))
        heard = subscriber.wait(lambda all_: len(all_) >= 7)
        assert running.end() == 6
    topics = [one.topic for one in heard if one.topic != "keep/bridge/state"]
    assert (
        topics == ["keep/quarantine", "keep/guardian/disk/info", "keep/guardian/disk/state"] + ["keep/quarantine"] * 3
    )
    with Subscriber(mqtt_address.port, "keep/guardian/#") as late:
        (state,) = late.wait(bool)
        assert (state.topic, state.retained) == ("keep/guardian/disk/state", True)
    broker.close()
    log.close()
    events.close()


class Bridge:
    """The bridge's process."""

    def __init__(self, url: str, port: int) -> None:
        self._arguments = [sys.executable, "-m", "tests.bridge.bridge_process", url, str(port)]
        self._process = self._start()

    def kill(self) -> None:
        """Kill it in the middle of whatever it does, and start it again."""
        self._process.kill()
        self._process.communicate()
        self._process = self._start()

    def end(self) -> tuple[int, int]:
        """How many it acknowledged, and how many threads it had left."""
        self._process.terminate()
        said, _ = self._process.communicate(timeout=20)
        acknowledged, threads = said.split()
        return int(acknowledged), int(threads)

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(self._arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


class Publisher:
    """A worker that publishes 500 events a second and does not care who is away."""

    def __init__(self, url: str) -> None:
        self.count = 0
        self._events = RedisEvents(url, seconds=1, retry_seconds=0.2, buffer=100_000)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def reach(self, count: int) -> None:
        until(true=lambda: self.count >= count, seconds=30)

    def end(self) -> int:
        self._stop.set()
        self._thread.join(10)
        self._events.close()
        return self.count

    def _run(self) -> None:
        for number in itertools.count():
            self._events.publish(event(number))
            self.count = number + 1
            if self._stop.wait(0.002):
                return


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        yield server


@pytest.mark.slow
def test_nothing_is_lost_while_broker_bridge_and_redis_are_killed_in_turn(tmp_path: Path, redis: EmbeddedRedis) -> None:
    mqtt = EmbeddedMqtt(tmp_path / "mqtt").start()
    relay = Relay(mqtt.port)
    bridge = Bridge(redis.url, relay.port)
    # QoS 0: the broker hands each message on before it acknowledges it to the bridge, so nothing is in its memory alone.
    with Subscriber(mqtt.port, "pixelium/guardian/#", qos=0) as subscriber:
        publisher = Publisher(redis.url)
        subscriber.wait(lambda heard: len(heard) > 100)

        bridge.kill()
        publisher.reach(1500)
        subscriber.wait(lambda heard: len(heard) > 600)
        bridge.kill()

        publisher.reach(2500)
        os.kill(mqtt.pid, signal.SIGKILL)
        mqtt.stop()
        relay.cut()
        publisher.reach(4000)
        mqtt = EmbeddedMqtt(tmp_path / "mqtt", port=mqtt.port).start()
        subscriber.ready(10)
        relay.open()
        publisher.reach(5000)

        port = redis.port
        os.kill(redis.pid, signal.SIGKILL)
        redis.stop()
        publisher.reach(5500)
        again = EmbeddedRedis(redis.folder, port=port).start()
        publisher.reach(6500)
        published = publisher.end()

        heard = subscriber.wait(lambda heard: json.loads(heard[-1].payload)["context"]["number"] == published - 1, 20)
    acknowledged, threads = bridge.end()
    again.stop()
    relay.close()
    mqtt.stop()
    assert published > 6000
    assert acknowledged > 1000
    assert threads == 1
    assert numbers(heard) == list(range(published))
