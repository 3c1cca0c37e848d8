"""tally: what an event or a sweep adds to the metrics. Labels that come from outside are taken only where they look like ours."""

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from aiops.domain import horizon
from aiops.domain.event import TYPES, Event
from aiops.domain.metric import OTHER, Sample, label
from aiops.domain.sweep import Sweep
from aiops.domain.verdict import Attempt
from aiops.ports import Mirrored


def mirrored(entries: Iterable[Mirrored]) -> Iterator[Sample]:
    """What entries of the event log add, once the broker has them. A retained state repeats an event and adds nothing."""
    for entry in entries:
        if entry.quarantined:
            yield Sample("aiops_events_total", 1, ("event.quarantined",))
        elif not entry.retain:
            try:
                event = Event.model_validate_json(entry.payload)
            except ValidationError:
                yield Sample("aiops_events_total", 1, ("event.quarantined",))
            else:
                yield from happened(event)


def happened(event: Event) -> Iterator[Sample]:
    """What one event adds."""
    yield Sample("aiops_events_total", 1, (event.type if event.type in TYPES else OTHER,))
    yield Sample("aiops_bridge_last_event_timestamp_seconds", event.timestamp.timestamp())
    if event.type == "finding.seen":
        yield Sample("aiops_findings_total", 1, (event.guardian, event.severity.value))
    elif event.type == "incident.opened":
        yield Sample("aiops_incidents_total", 1, (event.severity.value,))
    elif event.type == "incident.resolved":
        seconds = event.context.get("seconds")
        if isinstance(seconds, int | float) and seconds >= 0:
            yield Sample("aiops_incident_duration_seconds", seconds)
    elif event.type == "remediation.finished":
        outcome = (label(event.context.get("playbook")), label(event.context.get("status")))
        yield Sample("aiops_remediations_total", 1, outcome)
    elif event.type == "llm.asked":
        yield from _turn(event)


def _turn(event: Event) -> Iterator[Sample]:
    try:
        attempt = Attempt.model_validate({"at": event.timestamp, **event.context})
    except ValidationError:
        return
    provider = label(attempt.provider)
    yield Sample("aiops_llm_turns_total", 1, (provider, attempt.outcome))
    if not attempt.asked:
        return
    yield Sample("aiops_llm_turn_duration_seconds", attempt.seconds, (provider,))
    yield Sample("aiops_llm_tokens_total", attempt.tokens_in, (provider, "in"))
    yield Sample("aiops_llm_tokens_total", attempt.tokens_out, (provider, "out"))
    yield Sample("aiops_llm_cost_euros_total", attempt.cost or 0.0, (provider,))
    yield Sample("aiops_llm_unpriced_total", attempt.cost is None, (provider,))


def swept(sweep: Sweep) -> Iterator[Sample]:
    """What a shard of a sweep adds."""
    yield Sample("aiops_sweep_duration_seconds", (sweep.finished_at - sweep.started_at).total_seconds())
    blind = {(entry.host, entry.detector) for entry in sweep.blind}
    found = {(finding.host, finding.detector) for finding in sweep.findings}
    for host in sweep.hosts:
        for detector in sweep.patrol.detectors:
            yield Sample("aiops_looks_total", 1, (detector, _result(host, detector, sweep, blind, found)))
    for host, figures in sweep.figures.items():
        for metric, figure in (
            ("aiops_certificate_end_timestamp_seconds", horizon.CERTIFICATE),
            ("aiops_backup_complete_timestamp_seconds", horizon.BACKUP),
        ):
            moment = horizon.read(figures.get(figure, ""))
            if moment:
                yield Sample(metric, moment.timestamp(), (host,))


def _result(host: str, detector: str, sweep: Sweep, blind: set[tuple[str, str]], found: set[tuple[str, str]]) -> str:
    if host in sweep.asleep:
        return "asleep"
    if (host, detector) in blind:
        return "blind"
    return "found" if (host, detector) in found else "clear"
