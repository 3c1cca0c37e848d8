"""The guests of Proxmox nodes, through proxmoxer with an API token that may only read (role PVEAuditor).

One answer of the cluster's resources names every node and guest with where it runs. What the token may not see is left out by
Proxmox without a word, so an answer without a single guest is no answer: a token without its role would read as an empty fleet.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiops.domain.guest import Guest
from aiops.errors import AiopsError, BusError, SettingsError

KEPT_SECONDS: Final = 600.0
"""How long an answer is used: guests come and go by hand."""
FAILED_SECONDS: Final = 60.0
_SECONDS: Final = 10.0
_DENIED: Final = frozenset({401, 403})
_GUESTS: Final = frozenset({"lxc", "qemu"})


class ProxmoxGuests:
    """Port ``Topology``: nodes of one cluster, or nodes that stand alone; all of them must answer, or nothing is known."""

    def __init__(self, nodes: Sequence[str], token: str, secret: str, ca: Path | None = None) -> None:
        """:param nodes: ``host`` or ``host:port``; :param token: ``user@realm!name``

        :raises SettingsError: the token's name is none
        """
        user, sign, name = token.partition("!")
        if not sign or "@" not in user:
            raise SettingsError("proxmox.token", f"{token!r} is not of the form user@realm!name")
        self._nodes, self._user, self._name, self._secret = tuple(nodes), user, name, secret
        self._verify: str | bool = str(ca) if ca else True
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

    def _ask(self, node: str) -> Sequence[Guest]:
        try:
            import proxmoxer  # noqa: PLC0415 - optional: only a container that asks Proxmox has it
        except ImportError as error:
            raise SettingsError("proxmox", "proxmoxer is not installed: pip install 'aiops[proxmox]'") from error
        try:
            api = proxmoxer.ProxmoxAPI(
                node,
                user=self._user,
                token_name=self._name,
                token_value=self._secret,
                verify_ssl=self._verify,
                timeout=_SECONDS,
            )
            answer: Any = api.cluster.resources.get()
        except Exception as error:  # noqa: BLE001 - the boundary to a library that lets its HTTP client's errors through
            status = getattr(error, "status_code", 0)
            if status in _DENIED:
                raise SettingsError(
                    f"proxmox {node}", f"the token is refused ({status}): it needs PVEAuditor on /"
                ) from None
            raise BusError(f"proxmox {node}", type(error).__name__) from None
        found = [_guest(entry) for entry in answer if _counts(entry)]
        if not any(guest.node for guest in found):
            raise SettingsError(f"proxmox {node}", "it shows not a single guest: the token needs PVEAuditor on /")
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
