"""wazuh: agents that report to nobody, counted where they should report.

Looks for
    On the host of a Wazuh manager, fewer connected agents than it has keys of, or than there should be. Hosts that should be a
    manager and have none. An active service proves nothing: a manager that lost its package stays active and hears nobody.

Thresholds
    ``percent`` 95 of the known agents must be connected: the share that the operator's own repair of the manager asks for.
    Fewer is a warning, fewer than half is critical.
    ``agents`` 0: how many there should be, where more is known than the manager's own keys; a lost ``client.keys`` then
    does not look like a small fleet.
    ``reconnect_minutes`` 5: the time in which agents come back to a manager that was just started (the same repair's); until
    then a missing one is not judged, and nothing is proved.
    ``manager_roles``: roles whose hosts must have a manager. ``allowed_offline``: agents that may be away. Both are shell
    patterns.

Looks alike but is benign
    An agent whose host sleeps by design. The manager's own line, which is no agent. A host without a manager, or with an
    agent alone. A manager that was started a minute ago.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.guest import Guest
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.clock import CLOCK
from aiops.probes.systemd import Unit
from aiops.probes.wazuh import AGENTS, MANAGER, Agent

_NAMED = 20
"""Missing agents that stand in the evidence by name."""

DETECTOR = Detector(
    "wazuh",
    "Agents of Wazuh that report",
    kinds=[Kind(name="wazuh.agents_missing", sentence="agents are not connected to their Wazuh manager")],
    thresholds={
        "percent": 95,
        "agents": 0,
        "reconnect_minutes": 5,
        "manager_roles": ["wazuh", "siem"],
        "allowed_offline": [],
    },
)


@DETECTOR.check(AGENTS, MANAGER, CLOCK, kinds=["wazuh.agents_missing"])
def agents_missing(host: Subject, agents: tuple[Agent, ...] | None, manager: Unit, now: int) -> Iterator[Finding]:
    """Those that are connected, against those that should be."""
    if agents is None:
        if host.settings["agents"] or host.matches(host.host.role, "manager_roles"):
            summary = "there is no Wazuh manager here any more, so no agent reports"
            yield _finding(host, Severity.CRITICAL, summary, 0, int(host.settings["agents"]), [])
        return
    counted = [agent for agent in agents if not _may_be_away(agent, host)]
    connected = sum(agent.connected for agent in counted)
    known = max(len(counted), int(host.settings["agents"]) - (len(agents) - len(counted)))
    if 100 * connected >= host.settings["percent"] * known:
        return
    missing = [agent.name for agent in counted if not agent.connected]
    summary = f"{connected} of {known} Wazuh agents are connected"
    began = manager.since() if manager.up else None
    if began and datetime.fromtimestamp(now, UTC) - began < timedelta(minutes=host.settings["reconnect_minutes"]):
        raise UnreadableError(
            f"the manager was started at {began:%H:%M} UTC, and {summary} yet", "they get some minutes to come back"
        )
    severity = Severity.CRITICAL if 2 * connected < known else Severity.WARNING
    yield _finding(host, severity, summary, connected, known, missing)


def _may_be_away(agent: Agent, host: Subject) -> bool:
    asleep = any(Guest(name=agent.name).is_host(one) and one.expected_state != "up" for one in host.fleet)
    return asleep or host.matches(agent.name, "allowed_offline")


def _finding(
    host: Subject, severity: Severity, summary: str, connected: int, known: int, missing: list[str]
) -> Finding:
    return host.finding(
        "wazuh.agents_missing",
        "agents",
        severity,
        summary,
        # The label of the package's own trouble: a manager that apt took away is one incident with the silence it leaves.
        cause="package:wazuh-manager",
        connected=connected,
        known=known,
        missing=missing[:_NAMED],
    )


@DETECTOR.show(AGENTS)
def figures(agents: tuple[Agent, ...] | None) -> dict[str, str]:
    """How many there are."""
    return {"Wazuh agents": f"{sum(agent.connected for agent in agents)} of {len(agents)} connected"} if agents else {}
