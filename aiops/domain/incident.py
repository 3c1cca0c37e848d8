"""Findings of one trouble, followed until a detector finds them gone."""

from enum import StrEnum

from pydantic import Field

from aiops.domain.fact import Fact, Moment
from aiops.domain.finding import Finding
from aiops.domain.severity import Severity


class State(StrEnum):
    """Where an incident stands."""

    NEW = "new"
    TRIAGED = "triaged"
    AWAITING_APPROVAL = "awaiting_approval"
    REMEDIATING = "remediating"
    VERIFYING = "verifying"
    RESOLVED = "resolved"
    ESCALATED = "escalated"
    SUPPRESSED = "suppressed"

    @property
    def open(self) -> bool:
        """Whether somebody or something still has to do with it."""
        return self not in {State.RESOLVED, State.SUPPRESSED}


MOVES: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.TRIAGED, State.ESCALATED, State.RESOLVED, State.SUPPRESSED}),
    State.TRIAGED: frozenset(
        {State.AWAITING_APPROVAL, State.REMEDIATING, State.ESCALATED, State.RESOLVED, State.SUPPRESSED}
    ),
    State.AWAITING_APPROVAL: frozenset(
        {State.REMEDIATING, State.ESCALATED, State.RESOLVED, State.SUPPRESSED, State.TRIAGED}
    ),
    State.REMEDIATING: frozenset({State.VERIFYING, State.ESCALATED, State.AWAITING_APPROVAL}),
    State.VERIFYING: frozenset({State.RESOLVED, State.ESCALATED}),
    State.ESCALATED: frozenset(
        {State.TRIAGED, State.AWAITING_APPROVAL, State.REMEDIATING, State.RESOLVED, State.SUPPRESSED}
    ),
    State.SUPPRESSED: frozenset({State.NEW, State.RESOLVED}),
    State.RESOLVED: frozenset(),
}
"""Every move the ledger accepts; a resolved incident stays resolved, what comes again is a relapse with its own id."""


class Entry(Fact):
    """One line of an incident's timeline."""

    at: Moment
    step: str
    text: str
    state: State | None = None
    who: str = ""


class Incident(Fact):
    """``relapse_of`` names the incident that had been repaired before the same fingerprint came again.

    ``flapping``: it had come and gone too often; nothing is repaired by itself, and it has to stay away to be resolved.
    """

    id: str
    state: State
    severity: Severity
    title: str
    findings: tuple[Finding, ...] = Field(min_length=1)
    opened_at: Moment
    changed_at: Moment
    last_seen_at: Moment
    resolved_at: Moment | None = None
    relapse_of: str = ""
    flapping: bool = False
    sweep: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts it touches, in order of appearance."""
        return tuple(dict.fromkeys(finding.host for finding in self.findings))

    @property
    def states(self) -> tuple[Finding, ...]:
        """The findings it closes on; occurrences are evidence."""
        return tuple(finding for finding in self.findings if finding.persistence == "state")
