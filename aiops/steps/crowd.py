"""When one sweep, or one storm, would open more incidents than a human can read: coarser and coarser groups.

Below the limit nothing changes: thirty full disks are thirty incidents. Beyond it the same cause is one incident wherever it
is, then everything on one host, then everything of one kind. What once joined stays together.
"""

from collections.abc import Iterable, Sequence

from aiops.domain.finding import Finding
from aiops.domain.incident import Incident, State
from aiops.ports import IncidentServices

Group = list[Finding]
_JOINABLE = (State.NEW, State.TRIAGED, State.ESCALATED)
"""Nothing joins what is about to be repaired: the plan was made for other hosts."""


class Crowd:
    """How much room there is for new incidents, and which recent ones take in what finds none."""

    def __init__(self, live: Iterable[Incident], services: IncidentServices) -> None:
        since = services.clock() - services.quiet.storm_window
        self._room = services.quiet.most_incidents - services.ledger.opened_since(since)
        self._by: dict[tuple[str, str], str] = {}
        for incident in live if self._room <= 0 else ():
            if incident.opened_at >= since and incident.state in _JOINABLE:
                for key in (key for finding in incident.findings for key in _keys(finding)):
                    self._by.setdefault(key, incident.id)

    def place(self, groups: Sequence[Group]) -> tuple[list[Group], dict[str, Group]]:
        """The groups to open, and what joins which incident instead."""
        joining: dict[str, Group] = {}
        fresh: list[Group] = []
        for group in groups:
            home = self._home(group)
            if home:
                joining.setdefault(home, []).extend(group)
            else:
                fresh.append(group)
        made = coarsen(fresh, max(self._room, 1))
        self._room -= len(made)
        return made, joining

    def _home(self, group: Group) -> str:
        if self._room > 0:
            return ""
        return next((self._by[key] for key in _keys(group[0]) if key in self._by), "")


def coarsen(groups: Sequence[Group], room: int) -> list[Group]:
    """As many groups as there is room for; more only when there are more kinds than that."""
    made = list(groups)
    for key in (_cause, _host, _kind):
        if len(made) > room:
            merged: dict[tuple[str, str], Group] = {}
            for number, group in enumerate(made):
                merged.setdefault(key(group) or ("own", str(number)), []).extend(group)
            made = list(merged.values())
    return made


def _keys(finding: Finding) -> list[tuple[str, str]]:
    own = [("cause", finding.cause)] if finding.cause else []
    return [*own, ("host", finding.host), ("kind", finding.kind)]


def _cause(group: Group) -> tuple[str, str] | None:
    return ("cause", group[0].cause) if group[0].cause else None


def _host(group: Group) -> tuple[str, str] | None:
    return ("host", group[0].host) if len({finding.host for finding in group}) == 1 else None


def _kind(group: Group) -> tuple[str, str] | None:
    return "kind", group[0].kind
