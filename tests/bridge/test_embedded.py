import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from aiops.adapters.embedded import EmbeddedMqtt, EmbeddedRedis, find_redis_server
from aiops.adapters.mqtt import MqttAddress, MqttBroker
from aiops.errors import BusError, SettingsError
from tests.servers import Subscriber, kind, mqtt_programs, redis_programs

ROOT = Path(__file__).parents[2]


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _ends(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not _runs(pid)


@pytest.mark.parametrize("program", redis_programs(), ids=kind)
def test_redis_keeps_what_was_written_over_a_restart(tmp_path: Path, program: str) -> None:
    with EmbeddedRedis(tmp_path, program=program) as server, Redis.from_url(server.url) as client:
        client.set("colour", "green")
        first = server.pid
    assert _ends(first)
    with EmbeddedRedis(tmp_path, program=program) as server, Redis.from_url(server.url) as client:
        assert client.get("colour") == b"green"


def test_redis_refuses_a_stranger_and_hides_its_password(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        with Redis(port=server.port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        command_line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert server.password.encode() not in command_line
        for name in ("redis.password", "redis.conf", "redis.log"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        with Redis.from_url(server.url, decode_responses=True) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_redis_runs_in_a_folder_with_blanks_and_quotes_in_its_name(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / 'my "own" folder') as server, Redis.from_url(server.url) as client:
        assert client.ping()


def test_a_second_redis_on_the_same_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        EmbeddedRedis(tmp_path),
        pytest.raises(SettingsError, match="another redis server runs on this folder: stop it"),
    ):
        EmbeddedRedis(tmp_path).start()


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "one") as first:
        second = EmbeddedRedis(tmp_path / "two", port=first.port)
        with pytest.raises(BusError, match=r"(?i)address already in use|bind"):
            second.start()
        assert second.pid == 0


def test_the_server_named_in_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_REDIS_SERVER", "/bin/true")
    assert find_redis_server() == "/bin/true"
    monkeypatch.setenv("AIOPS_REDIS_SERVER", "/nowhere/redis")
    with pytest.raises(SettingsError, match="/nowhere/redis is no program"):
        find_redis_server()


@pytest.mark.parametrize("program", mqtt_programs(), ids=kind)
def test_the_mqtt_broker_delivers_and_ends(tmp_path: Path, program: str) -> None:
    server = EmbeddedMqtt(tmp_path, program=program).start()
    try:
        broker = MqttBroker(MqttAddress(port=server.port))
        assert broker.wait(10)
        with Subscriber(server.port, "pixelium/guardian/#") as subscriber:
            broker.publish("pixelium/guardian/disk/state", "{}", retain=True)
            assert [one.payload for one in subscriber.wait(bool)] == ["{}"]
        broker.close()
        pid = server.pid
    finally:
        server.stop()
    assert _ends(pid)


@pytest.mark.mosquitto
def test_mosquitto_keeps_retained_messages_over_an_orderly_restart(tmp_path: Path) -> None:
    with EmbeddedMqtt(tmp_path) as server:
        broker = MqttBroker(MqttAddress(port=server.port))
        assert broker.wait(10)
        broker.publish("pixelium/guardian/disk/state", "{}", retain=True)
        broker.close()
    with EmbeddedMqtt(tmp_path) as server, Subscriber(server.port, "pixelium/guardian/#") as subscriber:
        assert [one.retained for one in subscriber.wait(bool)] == [True]


_PARENT = """
import sys, pathlib, signal
from aiops.adapters.embedded import EmbeddedMqtt, EmbeddedRedis
folder = pathlib.Path(sys.argv[1])
server = (EmbeddedRedis if sys.argv[2] == "redis" else EmbeddedMqtt)(folder, program=sys.argv[3]).start()
print(server.pid, flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("what", "program"),
    [("redis", program) for program in redis_programs()] + [("mqtt", program) for program in mqtt_programs()],
    ids=kind,
)
def test_a_parent_killed_with_kill_9_leaves_no_server_behind(tmp_path: Path, what: str, program: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path), what, program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    with parent.stdout:
        server = int(parent.stdout.readline())
    assert _runs(server)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert _ends(server)
