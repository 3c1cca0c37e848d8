"""The guests of Proxmox nodes, through proxmoxer with an API token that may only read (role PVEAuditor).

One answer of the cluster's resources names every node and guest with where it runs. What the token may not see is left out by
Proxmox without a word, so an answer without a single guest is no answer: a token without its role would read as an empty fleet.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiops.adapters.proxmox_api import ProxmoxApi
from aiops.domain.guest import Guest
from aiops.errors import AiopsError, SettingsError

KEPT_SECONDS: Final = 600.0
"""How long an answer is used: guests come and go by hand."""
FAILED_SECONDS: Final = 60.0
_GUESTS: Final = frozenset({"lxc", "qemu"})


class ProxmoxGuests:
    """Port ``Topology``: nodes of one cluster, or nodes that stand alone; all of them must answer, or nothing is known."""

    def __init__(self, nodes: Sequence[str], token: str, secret: str, ca: Path | None = None) -> None:
        """:param nodes: ``host`` or ``host:port``; :param token: ``user@realm!name``

        :raises SettingsError: the token's name is none
        """
        self._nodes = [ProxmoxApi(node, token, lambda: secret, ca) for node in nodes]
        self._lock = threading.Lock()
        self._read: Sequence[Guest] | AiopsError = ()
        self._until = 0.0

    def guests(self) -> Sequence[Guest]:
        with self._lock:
            now = time.monotonic()
            if now >= self._until:
                try:
                    self._read, self._until = self._ask_all(), now + KEPT_SECONDS
                except AiopsError as error:
                    # A node that does not answer is not asked again for every host of a sweep.
                    self._read, self._until = error, now + FAILED_SECONDS
            if isinstance(self._read, AiopsError):
                raise self._read
            return self._read

    def _ask_all(self) -> Sequence[Guest]:
        found: dict[tuple[str, str, int], Guest] = {}
        for node in self._nodes:
            for guest in self._ask(node):
                found.setdefault((guest.name, guest.node, guest.number), guest)
        return list(found.values())

    def _ask(self, node: ProxmoxApi) -> Sequence[Guest]:
        answer: Any = node.get("/cluster/resources")
        found = [_guest(entry) for entry in answer if _counts(entry)]
        if not any(guest.node for guest in found):
            raise SettingsError(f"proxmox {node.node}", "it shows not a single guest: the token needs PVEAuditor on /")
        return found


def _counts(entry: Any) -> bool:
    return isinstance(entry, dict) and (
        entry.get("type") == "node" or (entry.get("type") in _GUESTS and not entry.get("template"))
    )


def _guest(entry: dict[str, Any]) -> Guest:
    if entry["type"] == "node":
        return Guest(name=str(entry["node"]), kind="proxmox", source="proxmox")
    number = int(entry.get("vmid") or 0)
    return Guest(
        name=str(entry.get("name") or f"{entry['type']}-{number}"),
        node=str(entry.get("node") or ""),
        kind=str(entry["type"]),
        number=number,
        source="proxmox",
    )
