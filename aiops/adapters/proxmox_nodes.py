"""The Proxmox nodes with their load, through the token that may only read: one answer of the cluster's resources."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiops.adapters.shape import Transport
from aiops.domain.night import NodeState
from aiops.errors import SettingsError


class ProxmoxNodes:
    """Port ``NodeSource``: the nodes of one cluster, or nodes that stand alone."""

    def __init__(self, nodes: Sequence[Transport]) -> None:
        self._nodes = nodes

    def nodes(self) -> Sequence[NodeState]:
        found: dict[str, NodeState] = {}
        for node in self._nodes:
            rows = node.get("/cluster/resources")
            if not isinstance(rows, list):
                raise SettingsError("proxmox /cluster/resources", "its answer is no list")
            kinds = Counter(
                (str(row.get("node")), row.get("type"))
                for row in rows
                if isinstance(row, dict) and not row.get("template")
            )
            for row in rows:
                if isinstance(row, dict) and row.get("type") == "node":
                    name = str(row.get("node"))
                    found.setdefault(name, _state(name, row, kinds[name, "lxc"], kinds[name, "qemu"]))
        return list(found.values())


def _state(name: str, row: dict[str, Any], containers: int, machines: int) -> NodeState:
    online = row.get("status") == "online"
    return NodeState(
        name=name,
        online=online,
        cpu=_percent(row.get("cpu"), 1) if online else None,
        ram=_percent(row.get("mem"), row.get("maxmem")) if online else None,
        uptime=int(row["uptime"]) if online and isinstance(row.get("uptime"), int | float) else None,
        guests=containers + machines,
        containers=containers,
    )


def _percent(part: Any, whole: Any) -> float | None:
    if not isinstance(part, int | float) or not isinstance(whole, int | float) or whole <= 0:
        return None
    return min(100.0, max(0.0, round(100 * part / whole, 1)))
