"""The map of the network that Homelable exports: nodes, and the guests that run on them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aiops.domain.guest import Guest
from aiops.errors import SettingsError

_MACHINES = frozenset({"proxmox", "lxc", "vm", "qemu", "server"})
"""Node types that an inventory would name; a lamp's bridge or a router is none of them."""


class HomelableMap:
    """Port ``Topology``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], Sequence[Guest]] | None = None

    def guests(self) -> Sequence[Guest]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise SettingsError(str(self._path), f"this is no export of Homelable: {error}") from error
        stamp = (status.st_mtime_ns, status.st_size)
        if self._read is None or self._read[0] != stamp:
            self._read = stamp, self._guests()
        return self._read[1]

    def _guests(self) -> Sequence[Guest]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(str(self._path), f"this is no export of Homelable: {error}") from error
        if not isinstance(found, dict) or not isinstance(found.get("zones"), list):
            raise SettingsError(str(self._path), "this is no export of Homelable: it has no zones")
        return [
            guest
            for part in ("zones", "peers", "roots")
            for node in found.get(part) or []
            for guest in self._below(node, "")
        ]

    def _below(self, node: Any, parent: str) -> Iterator[Guest]:
        if not isinstance(node, dict) or not node.get("label"):
            raise SettingsError(str(self._path), f"a node without a label: {str(node)[:80]}")
        label, kind = str(node["label"]), str(node.get("nodeType") or "")
        if kind in _MACHINES:
            yield Guest(
                name=label,
                node=parent,
                kind=kind,
                address=str(node.get("ipAddress") or ""),
                source="homelable",
            )
        for child in node.get("children") or []:
            yield from self._below(child, label if kind in _MACHINES else parent)
