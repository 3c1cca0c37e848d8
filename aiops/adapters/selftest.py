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
            raise BusError("redis", f"{error}. {_hint(error, 'Is it running, and is [redis] url right?')}") from error
    policy = memory.get("maxmemory_policy", "?")
    if policy != "noeviction":
        raise SettingsError("redis", f"maxmemory-policy is {policy}: queues would vanish; set noeviction")
    log = "append-only" if persistence.get("aof_enabled") else "not append-only"
    return f"version {server.get('redis_version')}, {policy}, {log}"


def redis_lets_in(url: str) -> str:
    """Whether the account may connect; most may not ask for more.

    :raises BusError: the server does not answer, or refuses the account
    """
    with connect(url, seconds=_SECONDS) as client:
        try:
            client.ping()
        except FAILURES as error:
            raise BusError(
                "redis", f"{error}. {_hint(error, 'Is it running, and are [redis] url and the account right?')}"
            ) from error
    return "lets us in"


def _hint(error: Exception, otherwise: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "Is [redis] ca_file the authority that signed the server's certificate, and does that name the server?"
    if "certificate required" in str(error).lower():
        return "It asks for a certificate of ours: name certificate_file and certificate_key_file in [redis]."
    return otherwise


def readable_key(path: Path) -> str:
    """Whether a private key is there, and nobody else's to read.

    :raises SettingsError: it is missing, empty, locked by git-crypt, or readable by everybody
    """
    try:
        head, mode = path.read_bytes()[:10], path.stat().st_mode
    except OSError as error:
        raise SettingsError(str(path), f"the key cannot be read: {error.strerror}") from None
    if head == b"\0GITCRYPT\0":
        raise SettingsError(str(path), "is locked: `git-crypt unlock` in its repository, then deploy again")
    if not head.startswith(b"-----"):
        raise SettingsError(str(path), "is no private key")
    if mode & 0o004:
        raise SettingsError(str(path), "everybody may read this private key; chmod 600, and make a new one")
    return f"{path.name} is there"


def known_hosts_file(path: Path) -> str:
    """How many hosts are known by their keys.

    :raises SettingsError: the file cannot be read, or names no host
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}; `aiops enroll` makes it") from None
    if not lines:
        raise SettingsError(str(path), "names no host; `aiops enroll` collects their keys")
    return f"{len(lines)} keys"


def mqtt_answers(address: MqttAddress, topic: str) -> str:
    """Whether the broker lets us in. ``topic`` carries our state meanwhile.

    :raises BusError: it does not
    """
    link = MqttLink(address, topic, f"aiops-doctor-{os.getpid()}")
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
