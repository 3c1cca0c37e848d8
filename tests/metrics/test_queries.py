"""A query that names what nobody serves shows an empty panel, or an alert that never fires: here it shows as a failed test."""

import re
import tomllib

import pytest
import yaml

from aiops.domain.event import TYPES
from aiops.domain.metric import METRICS, OUTSIDE_TYPES
from tasks.cli import lazy
from tests.metrics.queries import DASHBOARD, GRAFANA, IMPORT, ROOT, SERVED, metric_queries, named, panels, rules

LOKI_LABELS = {"job", "container", "level", "event"}
"""The labels under which our lines are pushed; anything else in a selector finds nothing."""


def test_the_reader_of_queries_finds_metrics_and_nothing_else() -> None:
    expr = (
        'sum by (le, host) (rate(aiops_a_bucket{job="x"}[5m])) / on(host) max(other) unless up{part=~"a|b"} > 2 * 3600'
    )
    assert named(expr) == {"aiops_a_bucket", "other", "up"}
    assert named("aiops_queue_messages > 50") == {"aiops_queue_messages"}
    assert named("topk(10, sum by (host) (missing_metric))") - SERVED == {"missing_metric"}


@pytest.mark.parametrize(("title", "expr"), list(metric_queries()))
def test_every_panel_names_only_metrics_that_are_served(title: str, expr: str) -> None:
    assert named(expr), title
    assert named(expr) - SERVED == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_rule_names_only_metrics_that_are_served(rule: dict[str, str]) -> None:
    assert named(rule["expr"])
    assert named(rule["expr"]) - SERVED == set()


def test_the_labels_in_queries_are_those_of_the_metrics() -> None:
    given = {"part", "job", "instance", "le"} | {label for metric in METRICS.values() for label in metric.labels}
    for text in [expr for _, expr in metric_queries()] + [rule["expr"] for rule in rules()]:
        used = set(re.findall(r'(\w+) ?(?:=~|!~|!=|=) ?"', text))
        for group in re.findall(r"\bby ?\(([^)]*)\)", text):
            used |= {label.strip() for label in group.split(",")}
        assert used - given - {"source"} == set(), text


def test_values_in_queries_exist() -> None:
    said = " ".join([expr for _, expr in metric_queries()] + [rule["expr"] for rule in rules()])
    types = set(re.findall(r'type="([^"]+)"', said))
    assert types
    assert types <= set(TYPES) | set(OUTSIDE_TYPES)


def test_the_incident_log_asks_loki_by_labels_that_our_lines_have() -> None:
    (log,) = [panel for panel in panels() if panel["type"] == "logs"]
    (target,) = log["targets"]
    selector = re.match(r"\{([^}]*)\}", target["expr"])
    assert selector
    labels = re.findall(r"(\w+) ?(?:=~|!~|!=|=)", selector[1])
    assert labels
    assert set(labels) <= LOKI_LABELS
    assert "incident" not in labels, "an id as a label would make a stream per incident"
    assert "$incident" in target["expr"]


def test_there_are_the_fourteen_panels_and_each_says_what_it_is() -> None:
    found = panels()
    assert [panel["id"] for panel in found] == list(range(1, 15))
    assert len({panel["title"] for panel in found}) == 14
    for panel in found:
        assert len(panel["description"].split()) > 15, panel["title"]
        if panel["type"] not in {"logs", "state-timeline"}:
            assert panel["fieldConfig"]["defaults"].get("unit") or panel["fieldConfig"]["overrides"], panel["title"]


def test_no_panel_lies_over_another_or_beyond_the_edge() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_data_sources_of_the_dashboard_are_those_that_are_provisioned() -> None:
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "aiops.yml").read_text(encoding="utf-8"))
    by_uid = {source["uid"]: source["type"] for source in provisioned["datasources"]}
    assert set(by_uid) == {"victoriametrics", "loki", "mqtt"}
    used = {
        (target["datasource"]["uid"], target["datasource"]["type"]) for panel in panels() for target in panel["targets"]
    }
    assert used <= set(by_uid.items())
    assert {panel["datasource"]["uid"] for panel in panels()} <= set(by_uid)


def test_the_file_to_import_asks_for_its_data_sources_and_names_none_of_ours() -> None:
    text = IMPORT.read_text(encoding="utf-8")
    inputs = yaml.safe_load(text)["__inputs"]
    assert {one["pluginId"] for one in inputs} == {"prometheus", "loki"}
    uids = {target["datasource"]["uid"] for panel in panels(IMPORT) for target in panel["targets"]}
    assert uids == {f"${{{one['name']}}}" for one in inputs}
    assert [panel["title"] for panel in panels(IMPORT)] == [panel["title"] for panel in panels(DASHBOARD)]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook_with_what_to_look_at_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    page = (ROOT / rule["annotations"]["runbook_url"]).read_text(encoding="utf-8")
    assert page.startswith(f"# {rule['alert']}\n")
    assert "\n## Look\n" in page
    assert "\n## Do\n" in page
    assert str(rule["expr"]) in page


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in rules()}


def test_the_commands_of_the_runbooks_exist() -> None:
    known = {name.partition("-")[0] for name in lazy.index()} | set(lazy.index())
    for path in (ROOT / "docs" / "runbooks").glob("*.md"):
        said = set(re.findall(r"`aiops ([a-z][a-z-]*)", path.read_text(encoding="utf-8")))
        assert said <= known, path.name


def test_the_tests_of_the_rules_cover_each_alert_firing_and_quiet() -> None:
    cases = yaml.safe_load((GRAFANA / "prometheus" / "rules.test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one["exp_alerts"]}
    quiet = {one["alertname"] for case in cases for one in case["alert_rule_test"] if not one["exp_alerts"]}
    assert fired == quiet == {rule["alert"] for rule in rules()}


def test_prometheus_client_is_where_something_is_served() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    having = {name for name, needs in extras.items() if any(need.startswith("prometheus-client") for need in needs)}
    assert having == {"detect", "incidents", "remediate", "bridge"}
