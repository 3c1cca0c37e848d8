"""What several trust domains are given."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from aiops import remediations
from aiops.domain.guest import Guest
from aiops.domain.remediation import Remediation
from aiops.errors import AiopsError
from aiops.ports import (
    Archive,
    Events,
    Inventory,
    Pulse,
    Topology,
)
from aiops.ports.memory import Memory
from aiops.settings import Settings, credential, secret


def pulse(settings: Settings) -> Pulse:
    """The signs of life of our own processes."""
    from aiops.adapters.redis_pulse import RedisPulse  # noqa: PLC0415

    return RedisPulse(settings.redis.full_url())


def archive(settings: Settings) -> Archive:
    """Where whole outputs are kept on this container."""
    from aiops.adapters.file_archive import FileArchive  # noqa: PLC0415

    return FileArchive(settings.state / "raw")


@cache
def _events(url: str, prefix: str) -> Events:
    from aiops.adapters.redis_events import RedisEvents  # noqa: PLC0415

    return RedisEvents(url, prefix=prefix)


def events(settings: Settings) -> Events:
    """The event log's writing end, one per process."""
    return _events(settings.redis.full_url(), settings.mqtt.prefix)


def inventory(settings: Settings) -> Inventory:
    """The Ansible inventory that the settings name, with the nodes that other sources know; or this machine alone."""
    from aiops.adapters.enriched_inventory import EnrichedInventory  # noqa: PLC0415
    from aiops.adapters.inventory import AnsibleInventory, LocalInventory  # noqa: PLC0415

    if settings.fleet.inventory is None:
        return LocalInventory()
    plain, others = AnsibleInventory(settings.fleet.inventory), topologies(settings)
    return EnrichedInventory(plain, others) if others else plain


def inventory_groups(settings: Settings) -> Mapping[str, Sequence[str]]:
    """The groups of each host of the inventory."""
    from aiops.adapters.inventory import AnsibleInventory  # noqa: PLC0415

    return AnsibleInventory(settings.fleet.inventory).groups() if settings.fleet.inventory else {}


def topologies(settings: Settings) -> list[Topology]:
    """The other sources that know machines."""
    from aiops.adapters.homelable import HomelableMap  # noqa: PLC0415

    found: list[Topology] = [HomelableMap(settings.fleet.homelable)] if settings.fleet.homelable else []
    proxmox = settings.proxmox
    if proxmox.nodes and proxmox.token_file:
        from aiops.adapters.proxmox import ProxmoxGuests  # noqa: PLC0415

        found.append(ProxmoxGuests(proxmox.nodes, proxmox.token, secret(proxmox.token_file), proxmox.ca_file))
    if settings.netbox.url:
        from aiops.adapters.json_api import JsonApi  # noqa: PLC0415
        from aiops.adapters.netbox import NetBoxMachines  # noqa: PLC0415

        its = settings.netbox

        def headers() -> Mapping[str, str]:
            return {"Authorization": f"Token {secret(its.token_file)}"} if its.token_file else {}

        found.append(NetBoxMachines(JsonApi("netbox", its.url, headers, ca_file=its.ca_file), its.roles))
    return found


def guests(settings: Settings) -> tuple[list[Guest], list[str]]:
    """Every machine of the other sources, and a sentence for each source that could not be read."""
    found: list[Guest] = []
    blind: list[str] = []
    for topology in topologies(settings):
        try:
            found += topology.guests()
        except AiopsError as error:
            blind.append(str(error))
    return found, blind


def memory(settings: Settings) -> Memory:
    """What is remembered of hosts and services, in the state folder."""
    from aiops.adapters.memory_files import MemoryFiles  # noqa: PLC0415

    return MemoryFiles(settings.state / "memory")


def catalogue(settings: Settings) -> Mapping[str, Remediation]:
    """Every playbook with its manifest.

    :raises ManifestError: one of them cannot be used
    """
    return remediations.load(_playbooks(settings))


def _address(settings: Settings) -> Any:
    from aiops.adapters.mqtt import MqttAddress  # noqa: PLC0415

    mqtt = settings.mqtt
    ours = (mqtt.password_file, mqtt.ca_file, mqtt.certificate_file, mqtt.certificate_key_file)
    return MqttAddress(mqtt.host, mqtt.port, mqtt.username, *(credential(file) if file else None for file in ours))


def _playbooks(settings: Settings) -> Path:
    return settings.repair.playbooks or remediations.SHIPPED
