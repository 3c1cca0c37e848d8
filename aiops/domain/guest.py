"""A machine as another source knows it: Proxmox, or a map of the network."""

import re

from aiops.domain.fact import Fact
from aiops.domain.host import Host


class Guest(Fact):
    """``node`` is the machine it runs on; ``source`` says who knows it. Machines without a node are nodes themselves."""

    name: str
    node: str = ""
    kind: str = ""
    address: str = ""
    number: int = 0
    source: str = ""

    def is_host(self, host: Host) -> bool:
        """Whether the inventory's host is this machine: by address, by number (``ct142``), or by name as people write names."""
        if self.address and self.address == host.target:
            return True
        numbered = re.fullmatch(r"(?:ct|lxc|vm|qemu)?-?0*(\d+)", host.name.lower())
        if self.number and numbered and int(numbered[1]) == self.number:
            return True
        own, theirs = plain(self.name), plain(host.name.partition(".")[0])
        return bool(own) and own == theirs


def plain(name: str) -> str:
    """``Technitium DNS (2)`` and ``technitium-dns-2`` are one name: letters and digits only, in lower case."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
