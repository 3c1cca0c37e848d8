"""incidents, show, explain, findings, replay: what is wrong, and why it was decided so."""

import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from aiops import bootstrap
from aiops.domain.finding import Finding
from aiops.domain.incident import Incident, State
from aiops.errors import UnknownError
from aiops.ports.offers import Offer, Talk
from aiops.steps.abridge import abridge
from aiops.steps.explain import explain
from aiops.steps.replay import replay
from tasks.offers.desk import Arguments, Desk, OneIncident

_LONGEST = 4_000
"""Characters of one value of evidence, after it was condensed."""


class Which(Arguments):
    """Filters for incidents."""

    host: str = Field(default="", max_length=253, description="only incidents that touch this host")
    days: float = Field(default=0, ge=0, le=730, description="only those opened in the last so many days; 0: any")
    text: str = Field(default="", max_length=200, description="words in the incident or its timeline")
    state: State | None = Field(default=None, description="only this state")
    closed: bool = Field(default=False, description="resolved and suppressed ones too")
    limit: int = Field(default=50, ge=1, le=200, description="how many, the newest first")


class Shown(Arguments):
    """An incident or a sweep."""

    what: str = Field(max_length=80, description="an incident's id, or the id that a sweep returned")


class Seen(Arguments):
    """Filters for findings."""

    host: str = Field(default="", max_length=253, description="only this host")
    kind: str = Field(default="", max_length=100, description="only kinds that begin so, such as service.")
    limit: int = Field(default=100, ge=1, le=500, description="how many")


def offers(desk: Desk) -> tuple[Offer, ...]:
    """The tools."""

    def incidents(asked: Which, _: Talk) -> Mapping[str, Any]:
        since = desk.services.clock() - timedelta(days=asked.days) if asked.days else None
        found = desk.services.ledger.search(
            host=asked.host, since=since, text=asked.text, state=asked.state, limit=asked.limit
        )
        wanted = [one for one in found if one.state.open or asked.closed or asked.state]
        storm = desk.services.ledger.storm()
        return {
            "storm_since": storm,
            "frozen": desk.services.ledger.frozen(),
            "incidents": [_line(one) for one in wanted],
        }

    def show(asked: Shown, _: Talk) -> Mapping[str, Any]:
        if asked.what.startswith("inc-"):
            return _incident(asked.what, desk)
        shards = desk.services.ledger.sweep(asked.what)
        if not shards:
            raise UnknownError("incident or sweep", asked.what, "it is not finished, or older than the settings keep")
        return swept(asked.what, shards)

    def findings(asked: Seen, _: Talk) -> Mapping[str, Any]:
        found = [
            {"incident": one.id, **_finding(finding, short=True)}
            for one in desk.services.ledger.live()
            for finding in one.findings
            if asked.host in ("", finding.host) and finding.kind.startswith(asked.kind)
        ]
        return {"findings": found[: asked.limit], "left_out": max(0, len(found) - asked.limit)}

    def why(asked: OneIncident, _: Talk) -> Mapping[str, Any]:
        return {"sentences": list(explain(asked.incident, desk.services))}

    def again(asked: OneIncident, _: Talk) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="aiops-replay-") as folder:
            found = replay(asked.incident, desk.services, bootstrap.scratch(desk.settings, Path(folder)), None)
        return {**found.model_dump(mode="json"), "differences": found.differences}

    return (
        Offer(
            "incidents",
            "List incidents, the newest first: the open ones, or what the filters ask for.",
            Which,
            incidents,
        ),
        Offer("show", "Show an incident with findings, timeline, verdict and plan; or what a sweep saw.", Shown, show),
        Offer("explain", "Say in words why an incident was decided so, from the record alone.", OneIncident, why),
        Offer("findings", "List what detectors say is wrong now, with the incident that holds it.", Seen, findings),
        Offer(
            "replay",
            "Decide again on what was recorded, in a ledger that is thrown away; no model.",
            OneIncident,
            again,
        ),
    )


def swept(name: str, shards: Any) -> Mapping[str, Any]:
    """A sweep, all its shards together."""
    return {
        "sweep": name,
        "shards": f"{len(shards)} of {shards[0].patrol.shards}",
        "hosts": sorted({host for shard in shards for host in shard.hosts}),
        "findings": [_finding(one, short=True) for shard in shards for one in shard.findings],
        "blind": [one for shard in shards for one in shard.blind],
        "asleep": sorted({host for shard in shards for host in shard.asleep}),
    }


def _line(one: Incident) -> dict[str, Any]:
    known = one.model_dump(mode="json", include={"id", "state", "severity", "title", "opened_at", "changed_at"})
    return {**known, "hosts": one.hosts, "findings": len(one.findings)}


def _incident(name: str, desk: Desk) -> Mapping[str, Any]:
    ledger = desk.services.ledger
    incident, plan = ledger.get(name), ledger.plan_of(name)
    return {
        **_line(incident),
        "relapse_of": incident.relapse_of,
        "acknowledged": ledger.acknowledged(name),
        "findings": [_finding(one, short=False) for one in abridge(incident, desk.services).findings[:60]],
        "timeline": [entry.model_dump(mode="json") for entry in ledger.timeline(name)][-100:],
        "verdict": ledger.verdict(name),
        "plan": plan and {"digest": plan.digest, **plan.model_dump(mode="json")},
        "approval": plan and ledger.approval(plan.id),
        "outcome": plan and ledger.outcome(plan.id),
    }


def _finding(one: Finding, *, short: bool) -> dict[str, Any]:
    fields = {"fingerprint", "kind", "host", "subject", "severity", "summary", "seen_at"}
    known = {**one.model_dump(mode="json", include=fields), "fingerprint": one.fingerprint}
    if not short:
        known["evidence"] = {
            key: value[:_LONGEST] if isinstance(value, str) else value for key, value in one.evidence.items()
        }
    return known
