"""inventory: what is missing in it, what is there twice, and what another source knows otherwise. Asks no host."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from aiops.domain.fact import Fact
from aiops.domain.guest import Guest
from aiops.domain.host import Host

_ROLES: Final = {
    "proxmox": r"pve\d*|proxmox\w*",
    "backup": r"pbs\d*|backups?",
    "dns": r"dns\d*|technitium\w*|pihole\d*|adguard\w*|bind\d*|unbound\d*",
    "proxy": r"traefik\d*|proxy|proxies|haproxy\d*|npm|crowdsec",
    "siem": r"wazuh\w*|siem",
    "mqtt": r"mqtt\d*|mosquitto",
    "database": r"db\d*|dbs|databases?|postgres\w*|mysql\w*|mariadb\d*|redis\d*",
    "git": r"git|forgejo\w*|gitea\w*|gitlab\w*",
    "monitoring": r"monitoring|grafana\d*|prometheus\d*|loki\d*|beszel\w*|netdata|zabbix\w*",
    "auth": r"auth\w*|sso|keycloak",
    "ca": r"ca|stepca",
    "vpn": r"vpn|headscale|wireguard|wg\d*",
    "storage": r"nas\d*|omv|samba|smb|nfs|share\d*",
    "media": r"media|immich|jellyfin|plex|kavita",
    "automation": r"semaphore|awx|runner\d*|homeassistant|nodered",
    "web": r"web\d*|www|nginx\d*|apache\d*|webservers?",
    "agent": r"hermes|openfang|claude",
}
"""Words in a name or a group that say what a host is for."""

_SAY_NOTHING: Final = re.compile(
    r"containers?|ct|debian\d*|guests?|homelab|hosts?|lab|linux|lxcs?|nodes?|prod(uction)?|servers?|staging|test|ubuntu\d*|vms?"
)


class Checked(Fact):
    """One host: the role it has, or the one its name and groups suggest, with the word that suggests it."""

    host: str
    role: str = ""
    guess: str = ""
    because: str = ""
    node: str = ""
    expected_state: str = "up"
    problems: tuple[str, ...] = ()


class InventoryReport(Fact):
    """What a check of the inventory found. ``strangers`` are guests that another source knows and the inventory does not."""

    hosts: tuple[Checked, ...]
    strangers: tuple[Guest, ...] = ()
    unknown: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.strangers or self.unknown or self.blind or any(host.problems for host in self.hosts))


def check_inventory(
    hosts: Sequence[Host],
    groups: Mapping[str, Sequence[str]],
    guests: Sequence[Guest] = (),
    blind: Sequence[str] = (),
) -> InventoryReport:
    """Check every host, against the others and against what another source knows.

    :param guests: machines of other sources; none at all means that there is no other source
    :param blind: sources that could not be read, as sentences
    """
    checked = []
    for host in hosts:
        guess, because = guess_role(host.name, groups.get(host.name, ()))
        problems = [*_alone(host, hosts), *_twice(host, hosts)]
        if not host.role:
            hint = f"; set aiops_role: {guess} if that is right" if guess else "; set aiops_role"
            problems.insert(0, f"no role, so it is read-only for every playbook{hint}")
        checked.append(
            Checked(
                host=host.name,
                role=host.role,
                guess="" if host.role else guess,
                because="" if host.role else because,
                node=host.labels.get("node", ""),
                expected_state=host.expected_state,
                problems=tuple(problems),
            )
        )
    strangers, unknown = compare(hosts, guests)
    return InventoryReport(hosts=tuple(checked), strangers=tuple(strangers), unknown=tuple(unknown), blind=tuple(blind))


def compare(hosts: Sequence[Host], guests: Sequence[Guest]) -> tuple[list[Guest], list[str]]:
    """The guests that no host is, and the hosts that no guest is; nothing is compared without guests."""
    if not guests:
        return [], []
    strangers = [guest for guest in guests if not any(guest.is_host(host) for host in hosts)]
    unknown = [host.name for host in hosts if not host.local and not any(guest.is_host(host) for guest in guests)]
    return strangers, unknown


def guess_role(name: str, groups: Sequence[str]) -> tuple[str, str]:
    """A role and the word that suggests it; the host's own name first, then its groups, the most special one first."""
    for word in (name, *reversed(groups)):
        for role, pattern in _ROLES.items():
            if any(re.fullmatch(pattern, part) for part in _words(word)):
                return role, word
    telling = [group for group in groups if not _SAY_NOTHING.fullmatch(group.lower())]
    return (telling[-1].lower().replace("_", "-"), telling[-1]) if len(telling) == 1 else ("", "")


def _words(name: str) -> Iterator[str]:
    parts = [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]
    yield from parts
    yield "".join(parts)


def _alone(host: Host, hosts: Sequence[Host]) -> Iterator[str]:
    names = {other.name for other in hosts}
    node = host.labels.get("node", "")
    if node and node not in names:
        yield f"aiops_node names {node}, which is no host here"
    if node == host.name:
        yield "aiops_node names the host itself"
    for url in host.labels.get("http", "").split():
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            yield f"aiops_http holds {url}, which is no address of a page"
    if host.pair and sum(other.pair == host.pair for other in hosts) == 1:
        yield f"it is alone in the pair {host.pair}"


def _twice(host: Host, hosts: Sequence[Host]) -> Iterator[str]:
    for other in hosts:
        if other is host or host.local or other.local:
            continue
        if (other.target.lower(), other.port) == (host.target.lower(), host.port):
            yield f"{other.name} has the same address {host.target}"
        elif other.name.lower() == host.name.lower():
            yield f"{other.name} differs only in upper and lower case"
