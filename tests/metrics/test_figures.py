"""From the ledgers, from events and from sweeps to samples: what the figures are, on small cases that can be counted by hand."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.execution_view import ExecutionView
from aiops.adapters.memory_events import MemoryBroker, MemoryEventLog, MemoryEvents
from aiops.detectors import backup, certs
from aiops.domain import horizon
from aiops.domain.certificate import Certificate
from aiops.domain.event import Event
from aiops.domain.metric import METRICS, Sample
from aiops.domain.severity import Severity
from aiops.domain.sweep import Blind
from aiops.errors import BusError, LedgerBusyError
from aiops.ports import BridgeServices, GaugeServices, Mirrored
from aiops.probes.backups import Archive
from aiops.probes.x509 import Files
from aiops.settings import Exporter, Settings
from aiops.steps import authorise, correlate
from aiops.steps.gauges import execution_gauges, ledger_gauges, redis_gauges
from aiops.steps.mirror import mirror
from aiops.steps.tally import happened, mirrored, swept
from tasks.showing import exporter_of
from tests.incident_world import NOON, World
from tests.plans import approved, outcome


class Signs:
    """Ports ``Pulse`` and ``Queues``."""

    def __init__(self) -> None:
        self.seconds, self.waiting = {"detect": 3.0, "beat": 500.0}, {"detect": 2, "night": 0}
        self.away = False

    def beat(self, name: str) -> None:
        self.seconds[name] = 0.0

    def ages(self, names: object) -> dict[str, float]:
        if self.away:
            raise BusError("redis", "away")
        return self.seconds

    def lengths(self, names: object) -> dict[str, int]:
        return self.waiting


def gauges_of(world: World, **more: object) -> GaugeServices:
    signs = Signs()
    given = {"ledger": world.ledger, "inventory": world.services.inventory, "pulse": signs, "queues": signs}
    return GaugeServices(**{**given, "clock": lambda: world.now, **more})  # type: ignore[arg-type]


def values(samples: object) -> dict[tuple[str, ...], float]:
    found = {(sample.metric, *sample.labels): float(sample.value) for sample in samples}  # type: ignore[attr-defined]
    assert {name for name, *_ in found} <= set(METRICS)
    assert all(len(labels) == len(METRICS[name].labels) for name, *labels in found)
    return found


def an_event(kind: str, **context: object) -> Event:
    return Event(
        source="hermes",
        cron="guardian-disk",
        severity=Severity.WARNING,
        timestamp=NOON,
        host="ct201",
        symptom="said",
        type=kind,
        context=dict(context),
    )


def test_open_incidents_are_counted_by_severity_and_state_and_findings_by_host(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    correlate(world.sweep(world.finding(), world.finding(subject="nginx.service")), world.services)
    found = values(ledger_gauges(gauges_of(world)))
    assert sum(value for (name, *_), value in found.items() if name == "aiops_incidents_open") == 2
    assert found["aiops_findings_open", "ct201"] == 2
    assert (
        found["aiops_incidents_open", "critical", "new"] + found["aiops_incidents_open", "critical", "escalated"] <= 2
    )
    assert found["aiops_frozen",] == 0
    world.ledger.freeze("anna", "moving house", world.now)
    assert values(ledger_gauges(gauges_of(world)))["aiops_frozen",] == 1


def test_the_incidents_that_changed_last_are_shown_with_where_they_stand_and_no_word_of_a_hosts(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    hostile = 'ct9"} 1\nevil{a="'
    correlate(world.sweep(world.finding(subject=hostile), hosts=("ct201",)), world.services)
    (opened,) = world.ledger.live()
    metric = "aiops_incident_changed_timestamp_seconds"
    found = values(one for one in ledger_gauges(gauges_of(world)) if one.metric == metric)
    labels = (opened.id, "service.dead", "ct201", opened.severity.value, opened.state.value)
    assert found == {(metric, *labels): opened.changed_at.timestamp()}


def test_of_many_incidents_only_the_fifty_that_changed_last_have_a_series(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    for number in range(60):
        world.later(minutes=1)
        correlate(world.sweep(world.finding(host=f"ct{number}"), hosts=(f"ct{number}",)), world.services)
    first = min(world.ledger.search(), key=lambda one: one.opened_at)
    world.later(minutes=1)
    correlate(world.sweep(hosts=first.hosts), world.services)
    metric = METRICS["aiops_incident_changed_timestamp_seconds"]
    found = [one for one in ledger_gauges(gauges_of(world)) if one.metric == metric.name]
    assert len(found) == metric.most == 50
    assert found[0].labels[0] == first.id, "what was resolved just now changed last, however old it is"
    assert {one.labels[2] for one in found[1:]} == {f"ct{number}" for number in range(11, 60)}


def test_an_incident_of_many_hosts_names_one_and_counts_the_others(tmp_path: Path) -> None:
    world = World(tmp_path)
    made = [world.finding(host=f"ct{number}", shared=True, cause="template") for number in (1, 2, 3)]
    correlate(world.sweep(*made, hosts=("ct1", "ct2", "ct3")), world.services)
    (opened,) = world.ledger.search()
    (shown,) = [one for one in ledger_gauges(gauges_of(world)) if one.metric.startswith("aiops_incident_changed")]
    assert shown.labels[2] == f"{opened.hosts[0]} +2"


def test_a_plan_that_waits_is_counted_and_grows_old(tmp_path: Path) -> None:
    world = World(tmp_path, decision="ask")
    for verdict in correlate(world.sweep(world.finding()), world.services).verdicts:
        authorise(verdict, world.services)
    world.later(minutes=10)
    found = values(ledger_gauges(gauges_of(world)))
    assert found["aiops_approvals_waiting",] == 1
    assert found["aiops_approval_oldest_age_seconds",] == 600


def test_nothing_open_is_a_figure_too(tmp_path: Path) -> None:
    found = values(ledger_gauges(gauges_of(World(tmp_path))))
    assert found["aiops_incidents_open", "critical", "escalated"] == 0
    assert found["aiops_approval_oldest_age_seconds",] == 0


def test_a_guardian_is_late_where_it_has_not_looked_since_it_was_due(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ledger.record_sweep(world.sweep(hosts=("ct201", "ct202"), name="s1"))
    looked = world.now
    world.later(minutes=20)
    blind = Blind(host="ct201", detector="health", probe="systemctl", reason="no connection")
    world.ledger.record_sweep(world.sweep(hosts=("ct201",), blind=(blind,), name="s2"))
    due = looked + timedelta(minutes=5)
    services = gauges_of(world, expected=lambda: {"health": due}, periods={"health": timedelta(minutes=5)})
    found = values(ledger_gauges(services))
    assert found["aiops_guardian_late_hosts", "health"] == 1
    assert found["aiops_guardian_blind_hosts", "health"] == 1
    assert found["aiops_guardian_period_seconds", "health"] == 300
    assert found["aiops_guardian_last_look_timestamp_seconds", "health"] == world.now.timestamp()


def test_a_host_that_left_the_inventory_makes_nobody_late(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ledger.record_sweep(world.sweep(hosts=("ct999",), name="s1"))
    services = gauges_of(world, expected=lambda: {"health": world.now + timedelta(hours=1)})
    assert values(ledger_gauges(services))["aiops_guardian_late_hosts", "health"] == 0


def test_a_silent_process_is_down_and_one_that_never_spoke_too(tmp_path: Path) -> None:
    services = gauges_of(World(tmp_path), names=("detect", "night"))
    found = values(redis_gauges(services))
    assert found["aiops_process_up", "detect"] == 1
    assert found["aiops_process_up", "beat"] == 0
    assert found["aiops_process_up", "bridge"] == 0
    assert found["aiops_queue_messages", "detect"] == 2


def test_the_execution_ledger_is_counted_without_being_opened_for_writing(tmp_path: Path) -> None:
    ledger = SqliteExecutionLedger(tmp_path / "executions.sqlite", clock=lambda: NOON - timedelta(days=1))
    ledger.receive(approved(), NOON)
    claim = ledger.claim(approved().plan.id, 30, NOON)
    assert claim
    view = ExecutionView(tmp_path / "executions.sqlite")
    running = values(execution_gauges(view, NOON + timedelta(minutes=2)))
    assert running["aiops_plans", "claimed"] == 1
    assert running["aiops_run_oldest_age_seconds",] == 120
    assert running["aiops_held_hosts",] == 0
    ledger.finish(claim, outcome("unknown", claim.plan, claim.fence))
    held = values(execution_gauges(view, NOON + timedelta(minutes=3)))
    assert held["aiops_plans", "done"] == 1
    assert held["aiops_held_hosts",] == 1
    assert held["aiops_run_oldest_age_seconds",] == 0
    assert ("aiops_nightly_backup_last_success_timestamp_seconds",) not in held


def test_an_execution_ledger_that_is_not_there_is_an_error_and_no_file_is_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerBusyError):
        ExecutionView(tmp_path / "executions.sqlite").counts()
    assert list(tmp_path.iterdir()) == []


def test_what_happened_is_counted_by_its_type_and_a_strangers_type_is_other() -> None:
    assert Sample("aiops_events_total", 1, ("incident.opened",)) in list(happened(an_event("incident.opened")))
    assert Sample("aiops_events_total", 1, ("other",)) in list(happened(an_event("weather.changed")))


def test_a_resolved_incident_says_how_long_it_lasted(tmp_path: Path) -> None:
    world = World(tmp_path)
    correlate(world.sweep(world.finding()), world.services)
    world.later(seconds=90)
    correlate(world.sweep(), world.services)
    (resolved,) = [event for event in world.events.events if event.type == "incident.resolved"]
    assert [sample.value for sample in happened(resolved) if sample.metric == "aiops_incident_duration_seconds"] == [90]


def test_a_turn_of_a_provider_is_counted_with_seconds_tokens_and_euros() -> None:
    turn = {"id": "a1", "provider": "groq", "model": "m", "outcome": "answered", "seconds": 1.5, "tokens_in": 900}
    found = values(happened(an_event("llm.asked", **turn, tokens_out=40, cost=0.002)))
    assert found["aiops_llm_turns_total", "groq", "answered"] == 1
    assert found["aiops_llm_turn_duration_seconds", "groq"] == 1.5
    assert found["aiops_llm_tokens_total", "groq", "in"] == 900
    assert found["aiops_llm_cost_euros_total", "groq"] == 0.002
    assert found["aiops_llm_unpriced_total", "groq"] == 0
    free = values(happened(an_event("llm.asked", **turn, cost=None)))
    assert free["aiops_llm_unpriced_total", "groq"] == 1


def test_a_provider_that_was_not_asked_has_no_latency() -> None:
    resting = {"id": "a1", "provider": "groq", "model": "m", "outcome": "resting"}
    found = values(happened(an_event("llm.asked", **resting)))
    assert found["aiops_llm_turns_total", "groq", "resting"] == 1
    assert ("aiops_llm_turn_duration_seconds", "groq") not in found


def test_a_strangers_text_never_becomes_a_label() -> None:
    hostile = {"playbook": 'x"} 1\nevil{a="', "status": "success"}
    found = values(happened(an_event("remediation.finished", **hostile)))
    assert found["aiops_remediations_total", "other", "success"] == 1


def test_a_retained_state_repeats_an_event_and_is_not_counted_twice() -> None:
    payload = an_event("sweep.finished").model_dump_json()
    entries = [
        Mirrored("1", "t", payload),
        Mirrored("2", "t/state", payload, retain=True),
        Mirrored("3", "q", "{", quarantined=True),
    ]
    found = [sample.labels for sample in mirrored(entries) if sample.metric == "aiops_events_total"]
    assert found == [("sweep.finished",), ("event.quarantined",)]


def test_a_sweep_says_what_each_look_came_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    blind = Blind(host="ct202", detector="health", probe="systemctl", reason="no connection")
    sweep = world.sweep(world.finding(), hosts=("ct201", "ct202", "ct203"), blind=(blind,))
    figures = {"ct203": {horizon.CERTIFICATE: horizon.written(NOON), horizon.BACKUP: "some text"}}
    shard = sweep.model_copy(update={"figures": figures, "asleep": ("ct204",)})
    found = values(swept(shard))
    assert found["aiops_looks_total", "health", "found"] == 1
    assert found["aiops_looks_total", "health", "blind"] == 1
    assert found["aiops_looks_total", "health", "clear"] == 1
    assert found["aiops_looks_total", "health", "asleep"] == 1
    assert found["aiops_certificate_end_timestamp_seconds", "ct203"] == NOON.timestamp()
    assert not [name for name, *_ in found if name == "aiops_backup_complete_timestamp_seconds"]


class Counted:
    """Port ``Meter`` that remembers."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def count(self, samples: Iterable[Sample]) -> None:
        self.samples += samples

    def last(self, metric: str) -> float:
        return next((float(one.value) for one in reversed(self.samples) if one.metric == metric), -1.0)

    def seen(self, kind: str) -> int:
        return sum(one.labels == (kind,) for one in self.samples if one.metric == "aiops_events_total")


def test_the_bridge_counts_what_the_broker_has_taken_and_nothing_twice() -> None:
    events, broker, meter, stop = MemoryEvents(), MemoryBroker(), Counted(), threading.Event()
    for _ in range(5):
        events.publish(an_event("incident.opened"))
    broker.accept = 3
    services = BridgeServices(MemoryEventLog(events), broker, meter)
    thread = threading.Thread(target=mirror, args=(services, stop))
    thread.start()
    wait_until(lambda: meter.last("aiops_bridge_connected") == 0)
    assert meter.seen("incident.opened") == 3
    broker.accept = None
    wait_until(lambda: meter.seen("incident.opened") == 5)
    wait_until(lambda: meter.last("aiops_bridge_connected") == 1)
    stop.set()
    thread.join(10)
    assert meter.seen("incident.opened") == 5


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_node_is_backed_up_since_the_newest_archive_of_its_worst_guest() -> None:
    found = tuple(
        Archive(f"/var/lib/vz/dump/{guest}-{at}", guest, float(at), 1)
        for guest, at in (("1", 100), ("2", 300), ("1", 200))
    )
    assert horizon.read(backup.figures({}, found)[horizon.BACKUP]) == datetime.fromtimestamp(200, UTC)
    assert backup.figures({}, ()) == {}


def test_a_host_shows_when_its_first_certificate_ends() -> None:
    def until(days: int) -> Certificate:
        end = NOON + timedelta(days=days)
        return Certificate(common_name="a", issuer="b", names=("a",), not_before=NOON, not_after=end, fingerprint="c")

    shown = certs.figures("", Files((("/etc/a.pem", until(90)), ("/etc/b.pem", until(5))), ()))
    assert horizon.read(shown[horizon.CERTIFICATE]) == NOON + timedelta(days=5)
    assert "/etc/b.pem" in shown["certificates"]


@pytest.mark.parametrize("text", ["", "soon", "2026-11-23", "2026-11-23T12:00:00"])
def test_what_is_no_moment_with_a_zone_is_no_horizon(text: str) -> None:
    assert horizon.read(text) is None


def test_a_port_that_is_taken_costs_the_metrics_and_not_the_work(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(exporter=Exporter(bridge_port=taken.getsockname()[1]))
        assert exporter_of(settings, "bridge") is None
    assert "no metrics are served" in caplog.text
    assert exporter_of(Settings(), "ct192") is None


def test_the_event_of_a_sweep_survives_the_way_through_json() -> None:
    event = an_event("llm.asked", id="a", provider="groq", model="m", outcome="timeout", seconds=30)
    again = Event.model_validate(json.loads(event.model_dump_json()))
    assert values(happened(again))["aiops_llm_turns_total", "groq", "timeout"] == 1
