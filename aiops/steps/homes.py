"""Where a finding belongs: the unresolved incidents, found by fingerprint and by cause without looking at each."""

from collections.abc import Iterable

from aiops.domain.finding import Finding
from aiops.domain.incident import Incident, State


class Homes:
    """An index over incidents. Of two that fit, the older one is home."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        self._by_fingerprint: dict[str, str] = {}
        self._by_cause: dict[tuple[str, str], str] = {}
        self._fleet: dict[str, str] = {}
        self.incidents: dict[str, Incident] = {}
        for incident in incidents:
            self.add(incident)

    def add(self, incident: Incident) -> None:
        """Index the incident too."""
        self.incidents[incident.id] = incident
        many = len(incident.hosts) > 1
        for finding in incident.findings:
            self._by_fingerprint.setdefault(finding.fingerprint, incident.id)
            # What was dropped must not take along what has never been judged, so it is found by identity only.
            if finding.cause and incident.state is not State.SUPPRESSED:
                self._by_cause.setdefault((finding.host, finding.cause), incident.id)
                if many:
                    self._fleet.setdefault(finding.cause, incident.id)

    def holds(self, fingerprint: str) -> str:
        """The id of the incident that has the finding already; empty when none has."""
        return self._by_fingerprint.get(fingerprint, "")

    def kin(self, finding: Finding) -> str:
        """The id of an incident with the same cause; empty when there is none."""
        if not finding.cause:
            return ""
        return self._by_cause.get((finding.host, finding.cause), "") or (
            self._fleet.get(finding.cause, "") if finding.shared else ""
        )
