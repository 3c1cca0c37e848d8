"""The machines that NetBox documents: devices and virtual machines, with the device or host each runs on.

Its REST API gives lists in pages: ``next`` is followed by offset on our own address, never by the URL that it holds.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from aiops.adapters.shape import Shape, Transport
from aiops.domain.guest import Guest
from aiops.errors import AiopsError, SettingsError

KEPT_SECONDS: Final = 600.0
"""How long an answer is used: what is documented changes by hand."""
FAILED_SECONDS: Final = 60.0
_PAGE, _MOST = 200, 5000
_GONE: Final = frozenset({"offline", "decommissioning", "decommissioned", "planned", "staged", "inventory"})
"""States in which nobody expects the machine to be there."""


class NetBoxMachines:
    """Port ``Topology``. ``roles`` are slugs of device roles that count; empty: all, so switches must be left out by role."""

    def __init__(self, transport: Transport, roles: Sequence[str] = ()) -> None:
        self._transport, self._roles = transport, frozenset(roles)
        self._lock = threading.Lock()
        self._read: Sequence[Guest] | AiopsError = ()
        self._until = 0.0

    def guests(self) -> Sequence[Guest]:
        """See ``aiops.ports.Topology``."""
        with self._lock:
            now = time.monotonic()
            if now >= self._until:
                try:
                    self._read, self._until = tuple(self._machines()), now + KEPT_SECONDS
                except AiopsError as error:
                    self._read, self._until = error, now + FAILED_SECONDS
            if isinstance(self._read, AiopsError):
                raise self._read
            return self._read

    def _machines(self) -> Iterator[Guest]:
        for row in self._rows("/api/dcim/devices/"):
            role = _slug(row.get("role") or row.get("device_role"))
            if row.get("name") and (not self._roles or role in self._roles):
                yield _machine(row, "device", "")
        for row in self._rows("/api/virtualization/virtual-machines/"):
            yield _machine(row, "vm", _name(row.get("device")))

    def _rows(self, path: str) -> Iterator[Mapping[str, Any]]:
        shape, offset = Shape(f"netbox {path}"), 0
        while True:
            page = shape.object(self._transport.get(path, limit=_PAGE, offset=offset))
            rows = shape.rows(page.get("results"))
            yield from (row for row in rows if _state(row) not in _GONE)
            offset += len(rows)
            if not page.get("next"):
                return
            if not rows or offset > _MOST:
                raise SettingsError(f"netbox {path}", f"its pages do not come to an end after {offset} entries")


def _machine(row: Mapping[str, Any], kind: str, node: str) -> Guest:
    """``vmid`` is the custom field that inventories of Proxmox use for the guest's number."""
    fields = row.get("custom_fields")
    number = fields.get("vmid") if isinstance(fields, dict) else 0
    address = row.get("primary_ip4") or row.get("primary_ip")
    plain = str(address.get("address") or "").partition("/")[0] if isinstance(address, dict) else ""
    return Guest(
        name=Shape("netbox").text(row, "name"),
        node=node,
        kind=kind,
        address=plain,
        number=number if isinstance(number, int) and not isinstance(number, bool) else 0,
        source="netbox",
    )


def _name(of: Any) -> str:
    return str(of.get("name") or "") if isinstance(of, dict) else ""


def _slug(of: Any) -> str:
    return str(of.get("slug") or "") if isinstance(of, dict) else ""


def _state(row: Mapping[str, Any]) -> str:
    state = row.get("status")
    return str(state.get("value") or "") if isinstance(state, dict) else ""
