"""What a lab is: its hosts, accounts and addresses, as one value that goes from `up` to the keeper."""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Self

from lab.errors import LabError

PORTS = (22, 80, 443, 55000)  # what every host offers to the outside: ssh, web, and the Wazuh manager's API
NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")  # a lab or host name; also safe in a path, an interface and a unit
USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")  # as useradd(8) accepts it
GATEWAY = "10.77.0.1"
FIRST_HOST = 10  # 10.77.0.11 is the first host inside a lab's own network
LAST_BYTE = 240


@dataclass(frozen=True)
class Host:
    """One host: its name, its number from 1 (the last byte of its addresses) and its role."""

    name: str
    number: int
    role: str = "lab"

    @property
    def inner_address(self) -> str:
        """The address inside the lab's network namespace."""
        return f"10.77.0.{FIRST_HOST + self.number}"


@dataclass(frozen=True)
class Account:
    """A user to make in every host: an authorized key line, and a sudoers file or nothing."""

    user: str
    public_key: str
    sudoers: str = ""


@dataclass(frozen=True)
class Spec:
    """Everything the keeper has to know."""

    name: str
    slot: int
    release: str
    base: str
    folder: str
    hosts: tuple[Host, ...]
    accounts: tuple[Account, ...] = field(default=())

    def address(self, host: Host) -> str:
        """The loopback address of the machine at which `host` answers."""
        return f"127.77.{self.slot}.{host.number}"

    def host(self, name: str) -> Host:
        """The host of that name. Raises LabError."""
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"lab {self.name} has no host {name}: {', '.join(host.name for host in self.hosts)}")

    def dump(self) -> str:
        """The value as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        """The value `dump` wrote. Raises ValueError, KeyError or TypeError on other text."""
        raw = json.loads(text)
        hosts = tuple(Host(**host) for host in raw.pop("hosts"))
        accounts = tuple(Account(**account) for account in raw.pop("accounts"))
        return cls(**raw, hosts=hosts, accounts=accounts)

    def same_fleet(self, other: "Spec") -> bool:
        """Whether both describe the same hosts, release and accounts, wherever they run."""
        return (self.release, self.hosts, self.accounts) == (other.release, other.hosts, other.accounts)
