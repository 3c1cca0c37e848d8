"""What ``aiops doctor`` tries of the outside world."""

import os
from pathlib import Path

from aiops.adapters.mqtt import MqttAddress, MqttLink
from aiops.adapters.redis_client import FAILURES, connect
from aiops.errors import BusError, SettingsError

_SECONDS = 3.0


def redis_answers(url: str) -> str:
    """Version and durability of the server.

    :raises BusError: it does not answer
    """
    with connect(url, seconds=_SECONDS) as client:
        try:
            server, memory = client.info("server"), client.info("memory")
            persistence = client.info("persistence")
        except FAILURES as error:
            raise BusError("redis", f"{error}. Is it running, and is [redis] url right?") from error
    policy = memory.get("maxmemory_policy", "?")
    if policy != "noeviction":
        raise SettingsError("redis", f"maxmemory-policy is {policy}: queues would vanish; set noeviction")
    log = "append-only" if persistence.get("aof_enabled") else "not append-only"
    return f"version {server.get('redis_version')}, {policy}, {log}"


def mqtt_answers(address: MqttAddress) -> str:
    """Whether the broker lets us in.

    :raises BusError: it does not
    """
    link = MqttLink(address, "aiops/doctor", f"aiops-doctor-{os.getpid()}")
    link.open()
    try:
        if not link.wait(_SECONDS):
            raise BusError(str(address), link.why)
    finally:
        link.drop()
    return f"{address} lets us in"


def writable(folder: Path) -> str:
    """Whether the state folder can be written.

    :raises SettingsError: it cannot
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".doctor"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise SettingsError(str(folder), f"{error.strerror}: give this user write access") from error
    return str(folder)
