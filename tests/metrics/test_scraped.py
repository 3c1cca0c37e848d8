"""Five targets of the running system, scraped by a real VictoriaMetrics; no hosts are needed for that."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from aiops.domain.metric import METRICS
from tests.metrics.queries import metric_queries, named
from tests.metrics.victoria import Victoria, chosen, exporter, page
from tests.system import System

pytestmark = [pytest.mark.slow, pytest.mark.victoriametrics, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return chosen()


@pytest.fixture(scope="module")
def system(start_system: Callable[..., System], ports: dict[str, int]) -> System:
    started = start_system(extra=exporter(ports), flower_port=ports["flower"])
    started.wait_online("detect", "incidents", "triage", "remediation", "notify", "night")
    return started


@pytest.fixture(scope="module")
def victoria(system: System, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    running = Victoria(tmp_path_factory.mktemp("victoria"), ports)
    yield running
    running.stop()


def test_all_five_targets_are_up(victoria: Victoria) -> None:
    assert set(victoria.parts) == {"ct190", "ct192", "ct196", "bridge", "flower"}
    for part in victoria.parts:
        victoria.wait(f'up{{job="aiops",part="{part}"}} == 1')


def test_a_sweep_is_counted_where_it_ends_and_its_events_where_they_pass(victoria: Victoria, system: System) -> None:
    system.producer().send_task("patrol", args=(["disk"],), kwargs={"started_by": "test"})
    victoria.wait('aiops_looks_total{part="ct192",guardian="disk"} > 0')
    victoria.wait('aiops_events_total{part="bridge",type="sweep.finished"} > 0')
    victoria.wait('aiops_guardian_last_look_timestamp_seconds{part="ct190",guardian="disk"} > 0')


def test_every_process_is_seen_alive_and_every_queue_measured(victoria: Victoria, system: System) -> None:
    for process in system.settings.watch.processes:
        victoria.wait(f'aiops_process_up{{process="{process}"}} == 1')
    assert len(victoria.wait("max by (queue) (aiops_queue_messages)")) == 6


@pytest.mark.promtool
def test_promtool_finds_nothing_wrong_with_what_the_targets_really_serve(system: System, ports: dict[str, int]) -> None:
    promtool = shutil.which("promtool")
    assert promtool
    for part, port in ports.items():
        done = subprocess.run(
            [promtool, "check", "metrics"], input=page(port).encode(), capture_output=True, check=False, timeout=30
        )
        if part == "flower":
            # Its names are its own; that they can be read is what is asked here (3 says that they could be better).
            assert done.returncode in {0, 3}, done.stderr
            assert b"error while parsing" not in done.stderr
        else:
            assert (done.returncode, done.stderr) == (0, b""), part


def test_a_remediation_worker_with_forked_children_shows_one_figure_however_often_it_is_asked(
    ports: dict[str, int], system: System
) -> None:
    answers = {line for _ in range(8) for line in page(ports["ct196"]).splitlines() if line.startswith("aiops_plans")}
    assert len(answers) == 3


def test_the_pages_name_nothing_that_the_table_does_not(ports: dict[str, int], system: System) -> None:
    for part, port in ports.items():
        if part != "flower":
            families = {line.split()[2] for line in page(port).splitlines() if line.startswith("# TYPE aiops_")}
            ours = {metric.name for metric in METRICS.values() if metric.target == part}
            assert families - ours <= {"aiops_build_info", "aiops_source_up", "aiops_series_left_out_total"}


def test_the_exporters_log_in_with_no_more_than_they_were_given(system: System) -> None:
    refused = [row for row in system.client.execute_command("ACL", "LOG") if "metrics" in str(row)]
    assert refused == []


def test_a_dead_exporter_is_started_again_and_the_figures_come_back(system: System, victoria: Victoria) -> None:
    child = next(child for child in system.local.children if child.name == "metrics_incidents")
    assert child.process
    os.kill(child.process.pid, signal.SIGKILL)
    victoria.wait('up{part="ct190"} == 0')

    def back() -> bool:
        system.local.watch()
        return bool(victoria.ask('up{part="ct190"} == 1'))

    system.wait_for(back, 60, "ct190's metrics are back")
    victoria.wait("aiops_incidents_open")


def test_queries_are_ones_that_victoriametrics_understands(victoria: Victoria) -> None:
    for title, expr in metric_queries():
        assert isinstance(victoria.ask(expr), list), title
        assert named(expr)
