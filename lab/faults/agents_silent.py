"""The Wazuh manager runs as it should, and nobody reports to it any more."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present
from lab.faults.agent_removes_manager import AGENTS, AGENTS_UNIT, agents, connection, healthy


def _inject(host: Inside) -> None:
    host.run("systemctl", "stop", AGENTS_UNIT)
    _facts.wait_until(lambda: connection(host).get("active") == 0, "no agent is connected", 30)


def _look(host: Inside) -> Look:
    if not _facts.installed(host, "wazuh-manager"):
        return absent("there is no manager here")
    active = connection(host).get("active")
    said = f"{'no answer, so none' if active is None else active} of {AGENTS} agents are connected"
    return absent(said) if active == AGENTS else present(said)


def _heal(host: Inside) -> None:
    if _facts.installed(host, "wazuh-manager"):
        agents(host, "127.0.0.1")
        _facts.wait_until(lambda: connection(host).get("active") == AGENTS, "every agent is connected", 30)


FAULT = Fault(
    "agents-silent", "the Wazuh manager runs, and its agents are gone", _inject, _look, _heal, prepare=healthy
)
