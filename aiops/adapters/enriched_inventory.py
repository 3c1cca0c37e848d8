"""The inventory, with the node each host runs on from a source that knows it: nobody wants to write that twice."""

import logging
from collections.abc import Iterator, Sequence

from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.errors import AiopsError
from aiops.ports import Inventory, Topology

log = logging.getLogger(__name__)


class EnrichedInventory:
    """Port ``Inventory``. What the inventory says itself wins; a source that cannot be read adds nothing and is logged once."""

    def __init__(self, inner: Inventory, topologies: Sequence[Topology]) -> None:
        self._inner, self._topologies = inner, topologies
        self._failing: set[int] = set()
        self._made: tuple[Sequence[Host], Sequence[Sequence[Guest]], tuple[Host, ...]] | None = None

    def hosts(self) -> Sequence[Host]:
        """See ``aiops.ports.Inventory``."""
        plain, known = self._inner.hosts(), self._known()
        if self._made is None or self._made[:2] != (plain, known):
            self._made = plain, known, tuple(_with_nodes(plain, known))
        return self._made[2]

    def find(self, name: str) -> Host:
        """See ``aiops.ports.Inventory``."""
        found = self._inner.find(name)
        return next((host for host in self.hosts() if host.name == found.name), found)

    def _known(self) -> list[Sequence[Guest]]:
        known: list[Sequence[Guest]] = []
        for number, topology in enumerate(self._topologies):
            try:
                known.append(topology.guests())
                self._failing.discard(number)
            except AiopsError as error:
                if number not in self._failing:
                    log.warning("the inventory is not enriched: %s", error)
                self._failing.add(number)
        return known


def _with_nodes(hosts: Sequence[Host], known: Sequence[Sequence[Guest]]) -> Iterator[Host]:
    nodes: dict[str, str] = {}
    for guests in known:
        names = {guest.name: next((host.name for host in hosts if guest.is_host(host)), "") for guest in guests}
        for host in hosts:
            node = next((names.get(guest.node, "") for guest in guests if guest.node and guest.is_host(host)), "")
            if node:
                nodes.setdefault(host.name, node)
    for host in hosts:
        if host.name in nodes and not host.labels.get("node"):
            yield host.model_copy(update={"labels": {**host.labels, "node": nodes[host.name]}})
        else:
            yield host
