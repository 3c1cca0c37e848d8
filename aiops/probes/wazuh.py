"""agent_control -l: what a Wazuh manager says about its agents, on the manager's own host; and since when it runs."""

import re
from dataclasses import dataclass
from typing import Final

from aiops.probes import Probe, UnreadableError
from aiops.probes.systemd import Unit

CONNECTED: Final = "Active"
_STATES: Final = frozenset({CONNECTED, "Disconnected", "Never connected", "Never_connected", "Pending"})
_HEAD: Final = "List of available agents:"
_END: Final = "List of agentless devices:"
_ROW: Final = re.compile(r"\s*ID: (?P<id>\d+), Name: (?P<name>[^,]+), IP: (?P<address>[^,]*), (?P<state>[^,]+?)\s*")
_MANAGER: Final = "Active/Local"
"""The manager lists itself first; it is no agent."""


@dataclass(frozen=True)
class Agent:
    """One agent that the manager has a key of; ``state`` in the manager's own word."""

    name: str
    state: str

    @property
    def connected(self) -> bool:
        """Whether the manager hears it."""
        return self.state == CONNECTED


def _read(text: str) -> tuple[Agent, ...] | None:
    """None where there is no manager."""
    if not text:
        return None
    _, head, rest = text.partition(_HEAD)
    listed, end, _ = rest.partition(_END)
    if not (head and end):
        raise UnreadableError(f"agent_control printed no list of agents: {text.strip()[:120]!r}")
    return tuple(_agent(row) for row in listed.splitlines() if row.strip() and not row.rstrip().endswith(_MANAGER))


def _agent(row: str) -> Agent:
    found = _ROW.fullmatch(row)
    if found is None or found["state"] not in _STATES:
        raise UnreadableError(f"agent_control printed an agent in a form that nobody knows: {row.strip()[:120]!r}")
    return Agent(found["name"], found["state"])


# 127: there is no manager here. Where one is, the list is never empty: it begins with the manager itself.
AGENTS = Probe(
    name="wazuh-agents",
    argv=("/var/ossec/bin/agent_control", "-l"),
    read=_read,
    sudo=True,
    codes=(0, 127),
    remedy="run agent_control -l on the host as root: a manager that is down lists nobody; `health` says whether it runs",
)


def _read_unit(text: str) -> Unit:
    unit = Unit(dict(row.split("=", 1) for row in text.splitlines() if "=" in row))
    if not (unit["LoadState"] and unit["ActiveState"]):
        raise UnreadableError(f"systemctl printed something that is no unit: {text.strip()[:120]!r}")
    return unit


MANAGER = Probe(
    name="wazuh-manager",
    argv=("systemctl", "show", "--property=Id,LoadState,ActiveState,StateChangeTimestamp", "wazuh-manager.service"),
    read=_read_unit,
    remedy="systemd must run as process 1, and the detection account needs the system bus (package dbus)",
)
