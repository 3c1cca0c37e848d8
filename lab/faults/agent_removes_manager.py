"""The Wazuh incident: installing the agent removes the manager, whose process and port outlive it."""

import json
import time

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

VERSION = "4.14.4-1"
AGENTS = 38
HOME = "/var/ossec"
AGENTS_UNIT = "lab-wazuh-agents.service"
AGENTS_KEYS = "/etc/lab-wazuh-agents.keys"
CONNECT_WITHIN = 3.0  # seconds; the agents try again five times a second


def keys() -> str:
    """A client.keys as the manager keeps it, one agent a line; no secret, since nothing real uses it."""
    return "".join(f"{number:03} ct{100 + number} any {number:064x}\n" for number in range(1, AGENTS + 1))


def connection(host: Inside) -> dict[str, int]:
    """How many agents the manager says are active, disconnected, and known; empty when it does not answer."""
    ran = host.run("curl", "-sS", "--max-time", "3", "http://127.0.0.1:55000/agents/summary/status", check=False)
    if ran.status != 0:
        return {}
    counts: dict[str, int] = json.loads(ran.out)["data"]["connection"]
    return counts


def healthy(host: Inside) -> None:
    """A manager of the right version with all its agents, from whatever state."""
    if not _look(host).present and _facts.installed(host, "wazuh-manager"):
        return
    for pid, _ in _facts.running_from(host, HOME):
        host.run("kill", "-KILL", str(pid), check=False)
    _facts.purge(host, "wazuh-agent", "wazuh-manager")
    host.run("rm", "-rf", HOME)
    _facts.install(host, f"wazuh-manager={VERSION}")
    host.write(f"{HOME}/etc/client.keys", keys(), 0o640)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--quiet", "wazuh-manager")
    host.run("systemctl", "restart", "wazuh-manager")
    agents(host, "127.0.0.1")


def agents(host: Inside, manager: str) -> None:
    """Have 38 agents in one process on `host`, which connect to the manager and come back whenever they lose it."""
    if _facts.unit(host, AGENTS_UNIT)["ActiveState"] == "active":
        return
    host.write(AGENTS_KEYS, keys(), 0o600)
    host.run(
        "systemd-run", "--quiet", f"--unit={AGENTS_UNIT}", "--property=LimitNOFILE=4096",
        "/usr/local/sbin/lab-wazuh-agents", manager, AGENTS_KEYS,
    )  # fmt: skip


def _inject(host: Inside) -> None:
    host.run("apt-mark", "unhold", "wazuh-manager")
    host.run("apt-get", "install", "--yes", "--quiet", "wazuh-agent")


def _look(host: Inside) -> Look:
    state, version = _facts.package(host, "wazuh-manager")
    if state in ("", "un") and not host.exists(HOME):
        return absent("there never was a manager here")
    if state[1:2] != "i":
        return present(f"wazuh-manager is in dpkg state {state or 'unknown'}")
    if version != VERSION:
        return present(f"wazuh-manager is {version} instead of {VERSION}")
    counts = connection(host)
    deadline = time.monotonic() + CONNECT_WITHIN
    while counts and counts["active"] < AGENTS and time.monotonic() < deadline:
        time.sleep(0.1)
        counts = connection(host)
    if counts.get("active") != AGENTS:
        return present(f"{counts.get('active', 'no answer, so none')} of {AGENTS} agents are connected")
    return absent(f"wazuh-manager {version} is installed ({state}) and {AGENTS} of {AGENTS} agents are connected")


FAULT = Fault(
    name="agent-removes-manager",
    summary="installing wazuh-agent removes wazuh-manager; its process stays, its agents go",
    prepare=healthy,
    inject=_inject,
    look=_look,
    heal=healthy,
)
