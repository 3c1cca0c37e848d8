"""A query that names what nobody serves shows an empty panel, or an alert that never fires: here it shows as a failed test."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml

from aiops.domain import shipped
from aiops.domain.event import TYPES, Event
from aiops.domain.incident import State
from aiops.domain.metric import METRICS, OUTSIDE_TYPES
from aiops.domain.severity import Severity
from tasks.cli import lazy
from tests.incident_world import NOON
from tests.metrics.queries import DASHBOARD, GRAFANA, IMPORT, ROOT, SERVED, metric_queries, named, panels, rules

LOKI_LABELS = set(json.loads(shipped.labels("hermes", "info", "incident.opened")))
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


def explored(path: Path) -> dict[str, Any]:
    """What Explore is asked for by a click on the incident of the last row, as Grafana fills the link in."""
    log = panels(path)[-1]
    (links,) = [
        one["properties"][0]["value"]
        for one in log["fieldConfig"]["overrides"]
        if one["matcher"]["options"] == "incident"
    ]
    (link,) = [one["url"] for one in links if one["url"].startswith("/explore?")]
    filled = link.replace("${__data.fields.incident}", "inc-20261123-k3f9qd").replace("${DS_LOKI}", "my-loki")
    (pane,) = json.loads(parse_qs(filled.partition("?")[2])["panes"][0]).values()
    found: dict[str, Any] = pane
    return found


@pytest.mark.parametrize(("path", "uid"), [(DASHBOARD, "loki"), (IMPORT, "my-loki")])
def test_a_click_on_an_incident_asks_loki_for_its_lines_by_labels_that_they_have(path: Path, uid: str) -> None:
    pane = explored(path)
    (asked,) = pane["queries"]
    assert pane["datasource"] == asked["datasource"]["uid"] == uid
    selector = re.fullmatch(r'\{([^}]*)\} \|= "inc-20261123-k3f9qd"', asked["expr"])
    assert selector
    labels = re.findall(r"(\w+) ?(?:=~|!~|!=|=)", selector[1])
    assert labels
    assert set(labels) <= LOKI_LABELS
    assert "incident" not in LOKI_LABELS, "an id as a label would make a stream per incident"


def test_the_incident_log_is_a_bounded_table_and_the_field_at_the_top_narrows_it() -> None:
    log = panels()[-1]
    (target,) = log["targets"]
    assert 'incident=~"$incident.*"' in target["expr"]
    metric = METRICS["aiops_incident_changed_timestamp_seconds"]
    assert metric.most <= 50
    assert set(log["transformations"][0]["options"]["indexByName"]) == {"Value", *metric.labels}
    assert {state.value for state in State} == set(mapped(log, "state"))
    assert {severity.value for severity in Severity} == set(mapped(log, "severity"))


def mapped(panel: dict[str, Any], column: str) -> dict[str, Any]:
    """The words of a column that have a colour."""
    (override,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == column]
    found: dict[str, Any] = override["properties"][0]["value"][0]["options"]
    return found


def test_the_transcripts_are_looked_for_where_the_operator_says_that_they_are() -> None:
    assert "${transcripts:raw}/search?q=${__data.fields.incident}" in json.dumps(panels()[-1])
    (variable,) = [one for one in whole(IMPORT)["templating"]["list"] if one["name"] == "transcripts"]
    (asked,) = [one for one in whole(IMPORT)["__inputs"] if one["type"] == "constant"]
    assert variable["query"] == f"${{{asked['name']}}}"
    (shipped_one,) = [one for one in whole(DASHBOARD)["templating"]["list"] if one["name"] == "transcripts"]
    assert shipped_one["query"] == asked["value"]
    assert asked["value"] in (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")


def whole(path: Path) -> dict[str, Any]:
    """The file as Grafana reads it."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_log_of_one_incident_is_found_in_our_lines_and_linked_from_them() -> None:
    event = Event(
        source="hermes",
        cron="guardian-disk",
        severity=Severity.WARNING,
        timestamp=NOON,
        host="ct201",
        symptom="said",
        type="incident.opened",
        incident="inc-20261123-k3f9qd",
    )
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "aiops.yml").read_text(encoding="utf-8"))
    (loki,) = [source for source in sources["datasources"] if source["type"] == "loki"]
    (link,) = loki["jsonData"]["derivedFields"]
    for line in (event.model_dump_json(), json.dumps(event.model_dump(mode="json"))):
        assert json.loads(line)["incident"], "the panel keeps lines whose field `incident` is not empty"
        found = re.search(link["matcherRegex"], line)
        assert found
        assert found[1] == event.incident
    assert link["datasourceUid"] == loki["uid"]
    assert '{job="aiops"}' in link["url"]
    assert "$${__value.raw}" in link["url"], "a single $ would be expanded by Grafana itself"


def test_there_are_the_fourteen_panels_and_each_says_what_it_is() -> None:
    found = panels()
    assert [panel["id"] for panel in found] == list(range(1, 15))
    assert len({panel["title"] for panel in found}) == 14
    for panel in found:
        assert len(panel["description"].split()) > 15, panel["title"]
        if panel["type"] != "state-timeline":
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
    inputs = {one["pluginId"]: one["name"] for one in whole(IMPORT)["__inputs"] if one["type"] == "datasource"}
    assert set(inputs) == {"prometheus", "loki"}
    uids = {target["datasource"]["uid"] for panel in panels(IMPORT) for target in panel["targets"]}
    assert uids == {f"${{{inputs['prometheus']}}}"}
    assert "victoriametrics" not in text
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
