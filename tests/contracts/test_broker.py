"""Every broker adapter keeps these promises, against every MQTT server there is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiops.adapters.embedded import EmbeddedMqtt
from aiops.adapters.memory_events import MemoryBroker
from aiops.adapters.mqtt import MqttAddress, MqttBroker
from aiops.errors import BusError
from aiops.ports import Broker, Mirrored
from tests.servers import Relay, Subscriber, kind, mqtt_programs


@dataclass
class Case:
    broker: Broker
    arrived: Callable[[int], list[tuple[str, str]]]
    """Waits for so many messages below ``fleet/`` and returns topic and payload."""
    vanish: Callable[[], None]


@pytest.fixture(
    params=["memory", *mqtt_programs()], ids=lambda name: "memory" if name == "memory" else kind(name), scope="module"
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMqtt | None]:
    if request.param == "memory":
        yield None
        return
    folder: Path = tmp_path_factory.mktemp("broker")
    with EmbeddedMqtt(folder, program=request.param) as running:
        yield running


@pytest.fixture
def case(server: EmbeddedMqtt | None) -> Iterator[Case]:
    if server is None:
        memory = MemoryBroker()

        def vanish() -> None:
            memory.accept = 0

        yield Case(memory, lambda _: [(one.topic, one.payload) for one in memory.published], vanish)
        return
    relay = Relay(server.port)
    broker = MqttBroker(MqttAddress(port=relay.port), prefix="fleet-bridge", seconds=1)
    assert broker.wait(10)
    with Subscriber(server.port, "fleet/#") as subscriber:

        def arrived(count: int) -> list[tuple[str, str]]:
            return [(one.topic, one.payload) for one in subscriber.wait(lambda heard: len(heard) >= count)]

        yield Case(broker, arrived, relay.cut)
    broker.close()
    relay.close()


def test_a_published_message_arrives(case: Case) -> None:
    case.broker.publish("fleet/guardian/disk/warning", '{"caf\u00e9": 1}')
    assert case.arrived(1) == [("fleet/guardian/disk/warning", '{"caf\u00e9": 1}')]


def test_many_arrive_in_order(case: Case) -> None:
    entries = [Mirrored(str(number), f"fleet/{number % 3}", str(number)) for number in range(300)]
    assert case.broker.publish_all(entries) == 300
    assert case.arrived(300) == [(f"fleet/{number % 3}", str(number)) for number in range(300)]


def test_nothing_to_publish_is_no_failure(case: Case) -> None:
    assert case.broker.publish_all([]) == 0


def test_a_broker_that_is_gone_is_said(case: Case) -> None:
    case.vanish()
    with pytest.raises(BusError):
        case.broker.publish("fleet/x", "1")
    with pytest.raises(BusError):
        case.broker.publish_all([Mirrored("1", "fleet/x", "1"), Mirrored("2", "fleet/x", "2")])
    with pytest.raises(BusError):
        case.broker.publish_all([])
    case.broker.announce("degraded", "nobody listens, and nothing is raised")


def test_after_good_bye_nothing_is_published(case: Case) -> None:
    case.broker.publish("fleet/x", "1")
    case.broker.close()
    with pytest.raises(BusError):
        case.broker.publish("fleet/x", "2")
