"""Compares what happened on the hosts with what every record says about it, and names each contradiction.

The hosts' own file of effects is the truth. Beside it lie both ledgers, the events that came out of MQTT, and the journal. An
event may be missing, because a kill or a wiped Redis took it; nothing may claim what did not happen.
"""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.hosts import Effect

ENDED = frozenset({"resolved", "escalated", "awaiting_approval"})
_FENCE = re.compile(r"fence (\d+)$")


@dataclass(frozen=True)
class Executed:
    """A plan as CT196's ledger has it. ``fences`` are all that it was ever claimed with."""

    plan: str
    incident: str
    hosts: tuple[str, ...]
    state: str
    status: str = ""
    began: bool = False
    fences: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decided:
    """An incident as CT190's ledger has it.

    ``faults`` are the hosts of the faults it stands for, ``outcomes`` go by plan; ``broken``: its fault is still there.
    """

    incident: str
    faults: tuple[str, ...]
    state: str
    outcomes: Mapping[str, str] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True)
class Evidence:
    """All that is compared. ``faults`` are the hosts that were broken, once for each fault."""

    effects: Sequence[Effect] = ()
    executed: Sequence[Executed] = ()
    decided: Sequence[Decided] = ()
    events: Sequence[Mapping[str, Any]] = ()
    journal: Sequence[str] = ()
    faults: Sequence[str] = ()
    written_up: bool = True


@dataclass(frozen=True)
class Contradiction:
    """``kind`` is the name of the rule that does not hold."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def check(evidence: Evidence) -> list[Contradiction]:
    """Every contradiction, by rule."""
    return [Contradiction(kind, text) for kind, rule in RULES.items() for text in rule(evidence)]


def _started_twice(seen: Evidence) -> Iterator[str]:
    begun = Counter((effect.plan, effect.host) for effect in seen.effects if effect.phase == "begin")
    for (plan, host), count in begun.items():
        if count > 1:
            yield f"{plan} was begun {count} times on {host}"


def _without_a_claim(seen: Evidence) -> Iterator[str]:
    claims = {(one.plan, fence): one for one in seen.executed for fence in one.fences}
    for effect in seen.effects:
        claim = claims.get((effect.plan, effect.fence))
        if claim is None:
            yield f"{effect.phase} on {effect.host} with fence {effect.fence}, which {effect.plan} never had"
        elif effect.host not in claim.hosts:
            yield f"{effect.phase} on {effect.host}, which is not a host of {effect.plan}"


def _against_the_fence(seen: Evidence) -> Iterator[str]:
    highest: dict[str, int] = {}
    for effect in seen.effects:
        if effect.fence != effect.stamp or effect.fence < highest.get(effect.host, 0):
            yield f"{effect.phase} on {effect.host} with fence {effect.fence} when it had been stamped with a newer one"
        highest[effect.host] = max(highest.get(effect.host, 0), effect.fence, effect.stamp)


def _two_at_once(seen: Evidence) -> Iterator[str]:
    """A command of one run between the beginning and the end of another on the same host; an orphan is cut off by the fence."""
    for host, effects in _by_host(seen.effects).items():
        ends = {effect.fence: n for n, effect in enumerate(effects) if effect.phase == "end"}
        for n, effect in enumerate(effects):
            inside = [other for other in effects[n : ends.get(effect.fence, n)] if other.fence != effect.fence]
            if effect.phase == "begin" and inside:
                yield f"{inside[0].plan} was at work on {host} between the beginning and the end of {effect.plan}"


def _told_otherwise(seen: Evidence) -> Iterator[str]:
    """What CT196 says came of a plan, and what the hosts saw of it."""
    phases: dict[str, set[str]] = defaultdict(set)
    for effect in seen.effects:
        phases[effect.plan].add(effect.phase)
    for one in seen.executed:
        did = phases[one.plan]
        if one.status == "success" and not {"check", "begin", "end"} <= did:
            yield f"{one.plan} is a success, and its hosts saw only {sorted(did)}"
        if "begin" in did and not one.began and one.status != "unknown":
            yield f"{one.plan} was begun on its hosts and is {one.status or one.state} without a start"


def _ledgers_differ(seen: Evidence) -> Iterator[str]:
    known = {one.plan: one for one in seen.executed}
    for incident in seen.decided:
        for plan, status in incident.outcomes.items():
            there = known.get(plan)
            if status in {"success", "failure"} and (there is None or there.status != status):
                says = there.status or there.state if there else "nothing"
                yield f"CT190 has {status} for {plan}, CT196 {says}"
            elif there and status == "skipped" and there.began:
                yield f"CT190 has skipped for {plan}, which CT196 started"
    planned = {one.incident for one in seen.decided}
    for one in seen.executed:
        if one.incident not in planned:
            yield f"{one.plan} belongs to {one.incident}, which CT190 does not know"


def _lost(seen: Evidence) -> Iterator[str]:
    opened = Counter(host for incident in seen.decided for host in incident.faults)
    for host, count in Counter(seen.faults).items():
        if opened[host] < count:
            yield f"{host} was broken {count} times, and {opened[host]} incidents know of it"


def _not_ended(seen: Evidence) -> Iterator[str]:
    for incident in seen.decided:
        if incident.state not in ENDED:
            yield f"{incident.incident} is still {incident.state}"
    for one in seen.executed:
        if one.state == "claimed":
            yield f"{one.plan} is still claimed on CT196"


def _resolved_and_broken(seen: Evidence) -> Iterator[str]:
    for incident in seen.decided:
        if incident.state == "resolved" and incident.broken:
            yield f"{incident.incident} is resolved, and its fault is still there"


def _event_without_fact(seen: Evidence) -> Iterator[str]:
    known, incidents = {one.plan: one for one in seen.executed}, {one.incident: one for one in seen.decided}
    for event in {event.get("id", ""): event for event in seen.events}.values():
        kind, context = event.get("type", ""), event.get("context", {})
        if kind in {"remediation.started", "remediation.finished"}:
            plan, ended = known.get(context["plan"]), context.get("status", "")
            if plan is None or not plan.fences:
                yield f"{kind} tells of {context['plan']}, which CT196 never claimed"
            elif ended not in {"", "skipped", plan.status}:
                yield f"{kind} says {ended} for {plan.plan}, CT196 {plan.status or plan.state}"
        incident = incidents.get(event.get("incident", ""))
        if kind == "incident.resolved" and (incident is None or incident.state != "resolved"):
            yield f"{kind} tells of {event.get('incident')}, which is {incident.state if incident else 'unknown'}"


def _journal_differs(seen: Evidence) -> Iterator[str]:
    told = Counter(plan for entry in seen.journal for plan in re.findall(r"plan-[0-9]{8}-[a-z0-9]+", entry))
    begun = {effect.plan for effect in seen.effects if effect.phase == "begin"}
    done = {one.plan for one in seen.executed if one.state == "done"}
    for plan in sorted(begun & done) if seen.written_up else ():
        if not told[plan]:
            yield f"{plan} changed a host, and the journal does not tell of it"
    for plan, count in told.items():
        if count > 1:
            yield f"the journal tells {count} times of {plan}"
        if plan not in done:
            yield f"the journal tells of {plan}, which has not ended on CT196"


RULES: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    "started more than once": _started_twice,
    "an effect without a claim": _without_a_claim,
    "an effect against the fence": _against_the_fence,
    "two runs at once on a host": _two_at_once,
    "CT196 and the hosts differ": _told_otherwise,
    "the ledgers differ": _ledgers_differ,
    "lost": _lost,
    "not ended": _not_ended,
    "resolved and still broken": _resolved_and_broken,
    "an event without a fact": _event_without_fact,
    "the journal differs": _journal_differs,
}


def _by_host(effects: Sequence[Effect]) -> Mapping[str, list[Effect]]:
    found: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects:
        found[effect.host].append(effect)
    return found


def executed(path: Path) -> list[Executed]:
    """CT196's ledger."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        rows = database.execute("SELECT plan, incident, state, approved, outcome FROM plans").fetchall()
        lines = [json.loads(line) for (line,) in database.execute("SELECT line FROM audit ORDER BY n")]
    fences: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        if line["what"] == "plan started":
            found = _FENCE.search(line["text"])
            assert found, line
            fences[line["plan"]].append(int(found[1]))
    return [_executed(*row, tuple(fences[row[0]])) for row in rows]


def _executed(
    plan: str, incident: str, state: str, approved: str, outcome: str | None, fences: tuple[int, ...]
) -> Executed:
    ended = json.loads(outcome) if outcome else {}
    hosts = tuple(json.loads(approved)["plan"]["hosts"])
    began = bool(ended.get("started_at"))
    return Executed(plan, incident, hosts, state, ended.get("status", ""), began, fences)


def decided(path: Path, kind: str, broken: Callable[[str, str], bool]) -> list[Decided]:
    """CT190's ledger. Findings of ``kind`` are the faults; ``broken`` says whether a host's is still there."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        records = [
            (state, json.loads(record))
            for state, record in database.execute("SELECT state, record FROM incidents ORDER BY opened_at")
        ]
        outcomes: dict[str, dict[str, str]] = defaultdict(dict)
        query = "SELECT incident, id, status FROM outcomes JOIN plans ON plans.id = outcomes.plan"
        for incident, plan, status in database.execute(query):
            outcomes[incident][plan] = status
    found = []
    for state, record in records:
        faults = [(finding["host"], finding["subject"]) for finding in record["findings"] if finding["kind"] == kind]
        hosts = tuple(host for host, _ in faults)
        there = any(broken(host, subject) for host, subject in faults)
        found.append(Decided(record["id"], hosts, state, outcomes[record["id"]], there))
    return found
