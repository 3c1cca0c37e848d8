import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.embedded import find_mqtt_broker
from aiops.adapters.mqtt import IN_FLIGHT, MqttAddress, MqttBroker, Presence
from aiops.errors import BusError, SettingsError
from aiops.ports import Mirrored
from tests.servers import Heard, Relay, Subscriber, free_port, threads

ROOT = Path(__file__).parents[2]


def states(heard: list[Heard]) -> list[str]:
    return [json.loads(one.payload)["state"] for one in heard]


def retained(port: int, topic: str) -> dict[str, str]:
    """What a newcomer is told about that topic."""
    with Subscriber(port, topic) as subscriber:
        (one,) = subscriber.wait(bool)
    assert one.retained
    said: dict[str, str] = json.loads(one.payload)
    return said


def test_the_bridge_is_online_then_degraded_then_offline(mqtt_address: MqttAddress) -> None:
    with Subscriber(mqtt_address.port, "one/bridge/state") as subscriber:
        broker = MqttBroker(mqtt_address, prefix="one")
        assert broker.wait(5)
        subscriber.wait(lambda heard: len(heard) == 1)
        broker.announce("degraded", "redis 127.0.0.1:6379 does not answer")
        heard = subscriber.wait(lambda heard: len(heard) == 2)
        broker.close()
        heard = subscriber.wait(lambda heard: len(heard) == 3)
    assert states(heard) == ["online", "degraded", "offline"]
    assert json.loads(heard[1].payload)["reason"] == "redis 127.0.0.1:6379 does not answer"
    assert json.loads(heard[2].payload)["reason"] == "stopped"
    assert retained(mqtt_address.port, "one/bridge/state")["state"] == "offline"


def test_a_broken_connection_comes_back_and_says_again_how_it_is(mqtt_address: MqttAddress) -> None:
    relay = Relay(mqtt_address.port)
    broker = MqttBroker(MqttAddress(port=relay.port), prefix="two")
    assert broker.wait(5)
    broker.announce("degraded", "the log is away")
    with Subscriber(mqtt_address.port, "two/bridge/state") as subscriber:
        relay.cut()
        subscriber.wait(lambda heard: states(heard)[-1:] == ["offline"])
        relay.open()
        heard = subscriber.wait(lambda heard: states(heard)[-1:] == ["degraded"] and len(heard) > 2)
    assert states(heard)[-2:] == ["offline", "degraded"]
    assert json.loads(heard[-2].payload)["reason"] == "connection lost"
    broker.close()
    relay.close()


def test_a_dead_network_is_an_error_in_time_and_nothing_old_is_sent_later(mqtt_address: MqttAddress) -> None:
    before = threads()
    relay = Relay(mqtt_address.port)
    broker = MqttBroker(MqttAddress(port=relay.port), prefix="three", seconds=0.5)
    assert broker.wait(5)
    with Subscriber(mqtt_address.port, "three/x") as subscriber:
        relay.swallow()
        began = time.monotonic()
        with pytest.raises(BusError, match=r"no acknowledgement within 0\.5 s"):
            broker.publish("three/x", "old")
        assert time.monotonic() - began < 3
        relay.open()
        relay.cut()
        relay.open()
        assert broker.wait(10)
        broker.publish("three/x", "new")
        assert [one.payload for one in subscriber.wait(bool)] == ["new"]
    broker.close()
    relay.close()
    assert threads() == before


def test_a_connection_that_breaks_amid_a_batch_tells_how_many_are_safe(mqtt_address: MqttAddress) -> None:
    relay = Relay(mqtt_address.port)
    broker = MqttBroker(MqttAddress(port=relay.port), prefix="four", seconds=2)
    assert broker.wait(5)
    entries = [Mirrored(str(number), "four/x", str(number)) for number in range(20_000)]
    with Subscriber(mqtt_address.port, "four/x", qos=0) as subscriber:
        threading.Timer(0.3, relay.cut).start()
        done = broker.publish_all(entries)
        assert 0 < done < len(entries)
        heard = subscriber.wait(lambda heard: len(heard) >= done)
        assert [one.payload for one in heard[:done]] == [str(number) for number in range(done)]
        assert len(heard) <= done + IN_FLIGHT
    broker.close()
    relay.close()


def test_a_broker_that_starts_later_is_found(tmp_path: Path) -> None:
    address = MqttAddress(port=free_port())
    broker = MqttBroker(address)
    assert not broker.wait(0.3)
    with pytest.raises(BusError):
        broker.publish("x", "y")
    server = subprocess.Popen([find_mqtt_broker(), "-p", str(address.port)], stderr=subprocess.DEVNULL)
    try:
        assert broker.wait(10)
        broker.publish("x", "y")
        broker.close()
    finally:
        server.terminate()
        server.wait()


_WORKER = """
import sys, signal
from aiops.adapters.mqtt import MqttAddress, Presence
presence = Presence(MqttAddress(port=int(sys.argv[1])), "detect@ct192", prefix="five")
presence.start()
assert presence.wait(5)
print("up", flush=True)
signal.pause()
"""


def test_a_worker_killed_with_kill_9_is_offline_for_everybody(mqtt_address: MqttAddress) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(mqtt_address.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker.stdout:
        assert worker.stdout.readline() == "up\n"
    topic = "five/worker/detect-ct192/state"
    assert retained(mqtt_address.port, topic)["state"] == "online"
    with Subscriber(mqtt_address.port, topic) as subscriber:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        heard = subscriber.wait(lambda heard: len(heard) == 2)
    assert states(heard) == ["online", "offline"]
    assert json.loads(heard[1].payload) == {"state": "offline", "name": "detect@ct192", "reason": "connection lost"} | {
        "at": json.loads(heard[1].payload)["at"]
    }


def test_a_worker_that_stops_in_order_says_so(mqtt_address: MqttAddress) -> None:
    before = threads()
    presence = Presence(mqtt_address, "triage", prefix="six")
    presence.start()
    assert presence.wait(5)
    presence.stop()
    said = retained(mqtt_address.port, "six/worker/triage/state")
    assert (said["state"], said["reason"]) == ("offline", "stopped")
    assert threads() == before


def test_presence_without_a_broker_neither_fails_nor_waits() -> None:
    presence = Presence(MqttAddress(port=free_port()), "triage")
    began = time.monotonic()
    presence.start()
    assert time.monotonic() - began < 0.5
    presence.stop()
    assert time.monotonic() - began < 5


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a server certificate for 127.0.0.1 and a mosquitto password file."""
    folder = tmp_path_factory.mktemp("tls")
    # Python 3.13 checks a chain as strictly as RFC 5280 is written.
    usage = "-addext keyUsage=critical,keyCertSign,cRLSign"
    commands = [
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca {usage} -keyout ca.key -out ca.crt",
        "openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr",
        "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stranger -keyout other.key -out other.crt",
        "mosquitto_passwd -b -c passwords bridge correct-horse",
    ]
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    for command in commands:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    (folder / "password").write_text("correct-horse\n")
    (folder / "wrong").write_text("battery\n")
    return folder


@pytest.fixture(scope="module")
def secured(authority: Path) -> Iterator[int]:
    """A mosquitto that wants TLS and a password."""
    port = free_port()
    (authority / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {authority}/passwords\n"
        f"cafile {authority}/ca.crt\ncertfile {authority}/server.crt\nkeyfile {authority}/server.key\nuser root\n"
    )
    server = subprocess.Popen([find_mqtt_broker(), "-c", str(authority / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    yield port
    server.terminate()
    server.wait()


def test_tls_and_a_password_from_a_file_let_us_in(secured: int, authority: Path) -> None:
    broker = MqttBroker(
        MqttAddress(port=secured, user="bridge", password_file=authority / "password", ca=authority / "ca.crt")
    )
    assert broker.wait(10)
    broker.publish("x", "y")
    broker.close()


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(("password", "ca"), [("wrong", "ca.crt"), ("password", "other.crt")])
def test_a_wrong_password_or_a_strangers_certificate_does_not(
    secured: int, authority: Path, password: str, ca: str
) -> None:
    broker = MqttBroker(MqttAddress(port=secured, user="bridge", password_file=authority / password, ca=authority / ca))
    assert not broker.wait(1.5)
    with pytest.raises(BusError, match="Not authorized" if password == "wrong" else "no connection"):
        broker.publish("x", "y")
    broker.close()


def test_a_missing_password_file_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        MqttBroker(MqttAddress(user="bridge", password_file=tmp_path / "nowhere"))
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(SettingsError):
        MqttBroker(MqttAddress(ca=tmp_path / "ca.crt"))
    assert issubclass(ssl.SSLError, OSError)
