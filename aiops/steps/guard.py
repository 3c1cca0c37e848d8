"""guard: where a finding's own evidence shows an earlier time, say so, and try it on what was recorded.

A proposal in Markdown for a human and nothing else: no detector is changed by it.
"""

from datetime import UTC, datetime, timedelta

from aiops.domain.fact import Fact, iso
from aiops.domain.finding import Finding
from aiops.domain.incident import Incident
from aiops.domain.sweep import Sweep
from aiops.errors import UnknownError
from aiops.ports import IncidentServices

WORTH = timedelta(hours=3)
"""A smaller gap is within what an unknown time zone of the host and an ordinary schedule explain."""
_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


class Missed(Fact):
    """A finding that was true before it was seen. ``hours`` is about right: the host's time zone is not recorded."""

    finding: Finding
    key: str
    written: str
    hours: float


class Backtest(Fact):
    """What a guard for that kind and subject would have done on the recorded sweeps of its detector."""

    looked: int
    fired_on_the_facts: int
    fired_elsewhere: tuple[str, ...]


def missed(incident: Incident) -> Missed | None:
    """The finding whose evidence shows the earliest time, if that is long enough before it was seen."""
    found = [
        Missed(finding=finding, key=key, written=value, hours=round((finding.seen_at - at).total_seconds() / 3600, 1))
        for finding in incident.findings
        for key, value in finding.evidence.items()
        if isinstance(value, str) and (at := _moment(value)) and finding.seen_at - at >= WORTH
    ]
    return max(found, key=lambda one: one.hours, default=None)


def propose(incident: str, services: IncidentServices) -> str:
    """The proposal in Markdown.

    :raises UnknownError: no such incident, or nothing in it shows an earlier time
    """
    known = services.ledger.get(incident)
    late = missed(known)
    if late is None:
        raise UnknownError("earlier time in", incident, "no evidence of it is older than its first sight")
    tried = backtest(late.finding, services)
    finding = late.finding
    elsewhere = "\n".join(f"- {line}" for line in tried.fired_elsewhere) or "- nowhere"
    holds = tried.fired_on_the_facts > 0 and not tried.fired_elsewhere
    verdict = (
        "It fires on the facts and is quiet elsewhere."
        if holds
        else "The record does not prove it; read on before using it."
    )
    return (
        f"# Draft guard: see {finding.kind} of {finding.subject} when it happens\n\n"
        f"From {incident}. A draft: nothing uses it until somebody writes it.\n\n"
        f"## What was recorded\n\n"
        f"- {finding.detector} saw it on {finding.host} at {iso(finding.seen_at)}: {finding.summary}\n"
        f"- its evidence `{late.key}` says {late.written}: about {late.hours:g} hours earlier (the host's zone is not known)\n"
        f"- cause: {finding.cause or 'none given'}\n\n"
        f"## Proposal\n\nLet {finding.detector} look at what wrote `{late.key}` as soon as it changes, or at least every hour, "
        f"and report `{finding.kind}` for `{finding.subject}`.\n\n"
        f"## Backtest\n\n{verdict}\n\n"
        f"{tried.looked} recorded sweeps of {finding.detector}; it fires in {tried.fired_on_the_facts} of them on {finding.host} "
        f"for `{finding.subject}`. Elsewhere:\n\n{elsewhere}\n"
    )


def backtest(finding: Finding, services: IncidentServices) -> Backtest:
    """Try kind and subject on every recorded sweep that really looked for the kind."""
    sweeps = [
        sweep
        for sweep in services.ledger.sweeps_since(services.clock() - services.keep_sweeps)
        if any(finding.kind in kinds for kinds in sweep.looked_at.values())
    ]
    elsewhere = [line for sweep in sweeps for line in _elsewhere(finding, sweep)]
    return Backtest(
        looked=len(sweeps),
        fired_on_the_facts=sum(sweep.sees(finding.fingerprint) for sweep in sweeps),
        fired_elsewhere=tuple(dict.fromkeys(elsewhere)),
    )


def _elsewhere(finding: Finding, sweep: Sweep) -> list[str]:
    return [
        f"{other.host}: {other.summary}"
        for other in sweep.findings
        if (other.kind, other.subject) == (finding.kind, finding.subject) and other.host != finding.host
    ]


def _moment(text: str) -> datetime | None:
    for form in _FORMS:
        try:
            return datetime.strptime(" ".join(text.split()), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
