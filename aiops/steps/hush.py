"""What opens no incident though it is wrong: silenced, known to be harmless, stirred up by a repair, or hidden by a dead node.

All of it is recorded and counted. It is said again by every sweep, so what is still wrong when the reason ends is opened then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.incident import Entry, Incident, State
from aiops.ports import IncidentServices
from aiops.steps.blindness import BLIND
from aiops.steps.detect import CONNECTION

UNDER_REPAIR = (State.REMEDIATING, State.VERIFYING)
BENIGN = "benign"


@dataclass(frozen=True)
class Reason:
    """``by`` is a silence, an incident or ``benign``; ``text`` says it to a human."""

    by: str
    text: str


class Hush:
    """The reasons in force while one sweep is worked through."""

    def __init__(self, live: Iterable[Incident], services: IncidentServices) -> None:
        now = services.clock()
        self._services = services
        self._silences = services.ledger.silences(now)
        self._parents = parents(services.inventory.hosts())
        lately = services.ledger.repaired_since(now - services.quiet.grace)
        self._live = list(live)
        repairs = [*lately, *(incident for incident in self._live if incident.state in UNDER_REPAIR)]
        self._repairs = {host: incident for incident in repairs for host in incident.hosts}
        self._own = {(incident.id, finding.fingerprint) for incident in lately for finding in incident.findings}
        self._backup = _backup_window(services)
        self._down: dict[str, str] = {}
        for incident in self._live:
            self.goes_down(incident.findings, incident.id)

    def goes_down(self, findings: Sequence[Finding], by: str) -> None:
        """Take note of hosts that are gone, and of what holds that finding."""
        for finding in findings:
            if is_down(finding, self._services):
                self._down.setdefault(finding.host, by)

    def silenced(self, finding: Finding) -> Reason | None:
        """Somebody asked for quiet for a while."""
        for silence in self._silences:
            if silence.pattern.matches(finding):
                return Reason(silence.id, f"silenced by {silence.who} until {silence.ends_at:%H:%M} UTC: {silence.why}")
        return None

    def repaired(self, finding: Finding, fingerprint: str) -> Reason | None:
        """A repair is at work on the host, or has just been; what it had repaired and comes again is a relapse."""
        incident = self._repairs.get(finding.host)
        if incident is None or (incident.id, fingerprint) in self._own:
            return None
        return Reason(incident.id, f"{finding.host} is under repair")

    def backed_up(self, finding: Finding) -> Reason | None:
        """A backup of ours is at work on the host, or on the node it runs on: what that stirs up is no trouble."""
        run, hosts = self._backup
        ours = not hosts.isdisjoint((finding.host, *ancestors(finding.host, self._parents)))
        if ours and finding.kind in self._services.quiet.backup_kinds:
            return Reason(run, f"{finding.host} is being backed up")
        return None

    def below(self, fresh: Sequence[Finding]) -> frozenset[str]:
        """The hosts of these findings that have a host above them that is gone, by these findings or by what is known."""
        gone = {finding.host for finding in fresh if is_down(finding, self._services)} | self._down.keys()
        hosts = {finding.host for finding in fresh}
        return frozenset(host for host in hosts if not gone.isdisjoint(ancestors(host, self._parents)))

    def hidden(self, finding: Finding) -> Reason | None:
        """A host above this one is gone: the topmost of them answers for it."""
        above = [host for host in ancestors(finding.host, self._parents) if host in self._down]
        return Reason(self._down[above[-1]], f"{above[-1]} is down") if above else None


def _backup_window(services: IncidentServices) -> tuple[str, frozenset[str]]:
    """The run that is under way, and its hosts."""
    now, longest = services.clock(), timedelta(hours=services.backup.most_hours)
    for ordered in services.ledger.ordered_backups(1) if services.backup.store else ():
        runs = ordered.result is not None and ordered.result.status == "running"
        if runs and now - ordered.at <= longest:
            return ordered.run, frozenset(services.backup.hosts)
    return "", frozenset()


def benign(finding: Finding, services: IncidentServices) -> Reason | None:
    """The settings say that it is harmless there."""
    return next((Reason(BENIGN, entry.reason) for entry in services.benign if entry.matches(finding)), None)


def is_down(finding: Finding, services: IncidentServices) -> bool:
    """Whether the finding says that its whole host is gone: declared so, or nobody can log in."""
    unreachable = finding.kind == BLIND.name and finding.subject.endswith(f"/{CONNECTION}")
    return unreachable or finding.kind in services.quiet.down_kinds


def parents(hosts: Iterable[Host]) -> Mapping[str, str]:
    """Host to the host it runs on (``aiops_node`` in the inventory)."""
    return {host.name: host.labels["node"] for host in hosts if host.labels.get("node")}


def ancestors(host: str, known: Mapping[str, str]) -> list[str]:
    """The hosts it runs on, the nearest first; an inventory that goes in circles is followed once."""
    above: list[str] = []
    while host in known and known[host] not in above:
        host = known[host]
        above.append(host)
    return above


def note_repair(reason: Reason, findings: Sequence[Finding], new: Sequence[str], services: IncidentServices) -> None:
    """Link what appeared during a repair, once each."""
    for finding in {finding.fingerprint: finding for finding in findings if finding.fingerprint in new}.values():
        text = f"{reason.text}, so this is linked and looked at again afterwards: {finding.summary}"
        services.ledger.note(reason.by, Entry(at=services.clock(), step="correlate", text=text))


def note_inhibition(
    reason: Reason, findings: Sequence[Finding], new: Sequence[str], services: IncidentServices
) -> None:
    """One line for everything that a dead host hides."""
    fresh = [finding for finding in findings if finding.fingerprint in new]
    if fresh and reason.by.startswith("inc-"):
        hosts = dict.fromkeys(finding.host for finding in fresh)
        shown = ", ".join(list(hosts)[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")  # noqa: PLR2004 - a line's worth
        text = f"{reason.text}: {len(new)} finding(s) on {shown} are kept here and open nothing"
        services.ledger.note(reason.by, Entry(at=services.clock(), step="correlate", text=text))
