"""What a target serves: the format, the bounds, and what is missing when a source cannot be read."""

import http.client
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aiops.adapters.metrics_page import KEPT_SECONDS, MetricsPage
from aiops.adapters.metrics_server import MetricsServer, answers
from aiops.domain.metric import METRICS, TARGETS, Sample, Target
from aiops.errors import BusError, LedgerBusyError, SettingsError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Ledger:
    """A reading that can be broken."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.broken, self.reads = False, 0

    def __call__(self) -> Iterable[Sample]:
        self.reads += 1
        if self.broken:
            raise LedgerBusyError("ledger", "locked", "wait")
        return self.samples


def served(page: MetricsPage) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(page.render().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def one_of_each(target: Target) -> list[Sample]:
    """A sample for every family of the target."""
    ours = [metric for metric in METRICS.values() if metric.target == target]
    return [Sample(metric.name, 1, tuple(f"a{n}" for n, _ in enumerate(metric.labels))) for metric in ours]


def test_what_is_counted_grows_and_begins_with_nothing_where_the_values_are_known() -> None:
    page = MetricsPage("bridge")
    assert served(page)["aiops_incidents_total", "critical"] == 0
    page.count([Sample("aiops_incidents_total", 1, ("critical",))] * 2)
    page.count([Sample("aiops_incident_duration_seconds", 40.0)])
    found = served(page)
    assert found["aiops_incidents_total", "critical"] == 2
    assert found["aiops_incident_duration_seconds_bucket", "60.0"] == 1
    assert found["aiops_incident_duration_seconds_bucket", "30.0"] == 0
    assert found["aiops_source_up", "events"] == 1


def test_a_source_that_cannot_be_read_leaves_no_old_figure_behind() -> None:
    clock, ledger = Clock(), Ledger()
    page = MetricsPage("ct190", {"ledger": ledger, "redis": list}, clock)
    ledger.samples = [Sample("aiops_approvals_waiting", 3)]
    assert served(page)["aiops_approvals_waiting",] == 3
    ledger.broken, clock.now = True, KEPT_SECONDS
    found = served(page)
    assert ("aiops_approvals_waiting",) not in found
    assert found["aiops_source_up", "ledger"] == 0
    assert found["aiops_source_up", "redis"] == 1
    ledger.broken, clock.now = False, 2 * KEPT_SECONDS
    assert served(page)["aiops_approvals_waiting",] == 3


def test_a_gauge_that_nobody_has_said_is_missing_and_not_zero() -> None:
    assert ("aiops_nightly_backup_last_success_timestamp_seconds",) not in served(
        MetricsPage("ct196", {"executions": list})
    )


def test_what_is_no_longer_there_is_no_longer_shown() -> None:
    clock, ledger = Clock(), Ledger()
    page = MetricsPage("ct190", {"ledger": ledger, "redis": list}, clock)
    ledger.samples = [Sample("aiops_findings_open", 2, ("ct201",))]
    assert served(page)["aiops_findings_open", "ct201"] == 2
    ledger.samples, clock.now = [Sample("aiops_findings_open", 1, ("ct202",))], KEPT_SECONDS
    found = served(page)
    assert ("aiops_findings_open", "ct201") not in found
    assert found["aiops_findings_open", "ct202"] == 1


def test_however_many_scrape_the_ledger_is_read_once_in_a_while() -> None:
    clock, ledger = Clock(), Ledger()
    page = MetricsPage("ct190", {"ledger": ledger, "redis": list}, clock)
    for _ in range(5):
        page.render()
    assert ledger.reads == 1
    clock.now = KEPT_SECONDS
    page.render()
    assert ledger.reads == 2


def test_a_metric_has_only_as_many_series_as_it_may_have_and_says_how_many_were_left_out() -> None:
    page = MetricsPage("ct192")
    most = METRICS["aiops_certificate_end_timestamp_seconds"].most
    page.count(Sample("aiops_certificate_end_timestamp_seconds", 1, (f"ct{n}",)) for n in range(most + 7))
    found = served(page)
    assert sum(name == "aiops_certificate_end_timestamp_seconds" for name, *_ in found) == most
    assert found["aiops_series_left_out_total", "aiops_certificate_end_timestamp_seconds"] == 7


def test_threads_that_count_together_lose_nothing() -> None:
    page = MetricsPage("bridge")
    threads = [
        threading.Thread(
            target=lambda: [page.count([Sample("aiops_incidents_total", 1, ("info",))]) for _ in range(500)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served(page)["aiops_incidents_total", "info"] == 2000


@pytest.mark.parametrize("target", TARGETS)
def test_every_family_of_a_target_is_served_under_its_name_type_and_help(target: Target) -> None:
    samples = one_of_each(target)
    readings = {source: (lambda: samples) for source in TARGETS[target] if source not in {"events", "sweeps"}}
    page = MetricsPage(target, readings)
    if not readings:
        page.count(samples)
    families = {family.name: family for family in text_string_to_metric_families(page.render().decode())}
    for metric in METRICS.values():
        if metric.target == target:
            family = families[metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name]
            assert (family.type, family.documentation) == (metric.kind, metric.help)


@pytest.mark.promtool
@pytest.mark.parametrize("target", TARGETS)
def test_promtool_finds_nothing_wrong_with_what_is_served(target: Target) -> None:
    samples = one_of_each(target)
    readings = {source: (lambda: samples) for source in TARGETS[target] if source not in {"events", "sweeps"}}
    page = MetricsPage(target, readings)
    page.count(samples)
    promtool = shutil.which("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page.render(), capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    running = MetricsServer(("127.0.0.1", 0), MetricsPage("bridge").render)
    running.start()
    yield running
    running.stop()


def ask(server: MetricsServer, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    said = answer.status, answer.read()
    connection.close()
    return said


def test_the_metrics_are_at_their_usual_place_and_nothing_else_is(server: MetricsServer) -> None:
    status, body = ask(server, "GET", "/metrics")
    assert status == 200
    assert b"# TYPE aiops_events_total counter" in body
    assert ask(server, "GET", "/")[0] == 404
    assert ask(server, "GET", "/metrics/../etc/passwd")[0] == 404
    assert ask(server, "POST", "/metrics")[0] == 501


def test_somebody_who_says_nothing_keeps_nobody_else_waiting(server: MetricsServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    assert ask(server, "GET", "/metrics")[0] == 200
    for one in silent:
        one.close()


def test_the_doctor_hears_who_serves_and_who_does_not(server: MetricsServer) -> None:
    assert answers(("0.0.0.0", server.port)) > 10
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(BusError, match="does not answer"):
            answers(("127.0.0.1", free.getsockname()[1]))


def test_a_port_that_is_taken_is_said_with_the_setting(server: MetricsServer) -> None:
    with pytest.raises(SettingsError, match=r"exporter\.listen"):
        MetricsServer(("127.0.0.1", server.port), bytes)
