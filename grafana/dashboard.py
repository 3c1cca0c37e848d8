"""The SOC dashboard: fourteen panels, each one question. ``make dashboard`` writes it.

Two files come of it: ``dashboards/aiops-soc.json`` for provisioning, with the uids of ``provisioning/datasources``, and
``import/aiops-soc.json`` with pickers, for a Grafana that has data sources of its own. No panel needs a plugin. A description
says what a panel shows, what is normal, and what to do when it is not.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

HERE = Path(__file__).parent
UID = "aiops-soc"
VICTORIA = shared.DataSourceRef(type_val="prometheus", uid="victoriametrics")
LOKI = shared.DataSourceRef(type_val="loki", uid="loki")
LOG = '{job="aiops"} |= "${__data.fields.incident}"'
"""Every line that names the incident of the row; its id is inside the line and no label."""
TRANSCRIPTS = "https://forge.example.org/ops/claude-sessions"
"""Where the git server shows them; the operator says where that is."""

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
SEVERITIES = {"debug": "text", "info": BLUE, "warning": ORANGE, "critical": RED}
OUTCOMES = {"success": GREEN, "failure": RED, "unknown": "purple", "skipped": "text"}
STATES = {
    "new": YELLOW,
    "triaged": YELLOW,
    "awaiting_approval": ORANGE,
    "remediating": BLUE,
    "verifying": BLUE,
    "resolved": GREEN,
    "escalated": RED,
    "suppressed": "text",
}
"""Colours say the same thing in every panel."""


def query(expr: str, legend: str = "", ref: str = "A", *, instant: bool = False, as_table: bool = False) -> Any:
    """A question to the metrics."""
    made = prometheus.Dataquery().expr(expr).legend_format(legend or "__auto").ref_id(ref).datasource(VICTORIA)
    made = made.instant() if instant else made.range()
    return made.format(PromQueryFormat.TABLE) if as_table else made


def steps(*limits: tuple[float | None, str]) -> Any:
    """Thresholds: the first without a value."""
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=color) for value, color in limits])
    )


def coloured(panel: Any, colours: dict[str, str]) -> Any:
    """Series whose name contains a word in that word's colour."""
    for word, colour in colours.items():
        fixed = model.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        panel = panel.override_by_regexp(f"/(^|[ :]){word}$/", [fixed])
    return panel


def words(values: dict[str, tuple[str, str]]) -> list[Any]:
    """Numbers shown as words, each in its colour."""
    shown = {
        number: model.ValueMappingResult(text=text, color=colour, index=place)
        for place, (number, (text, colour)) in enumerate(values.items())
    }
    return [model.ValueMap(options=shown)]


def last() -> Any:
    """The newest value, whatever the time range."""
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def to_log() -> list[Any]:
    """From a figure to the lines behind it."""
    return [dashboard.DashboardLink("the incident log").url(f"/d/{UID}?viewPanel=14&${{__url_time_range}}")]


def open_incidents() -> Any:
    panel = (
        stat.Panel()
        .title("Open incidents by severity")
        .description(
            "Troubles that are neither resolved nor known as harmless, by how bad they are. Normal is none that is critical. "
            "`aiops incidents` lists them; click for the incident log."
        )
        .with_target(query("sum by (severity) (aiops_incidents_open)", "{{severity}}"))
        .unit("short")
        .no_value("no figures: is ct190's target up?")
        .thresholds(steps((None, GREEN), (1, YELLOW)))
        .graph_mode(shared.BigValueGraphMode.AREA)
        .reduce_options(last())
        .data_links(to_log())
    )
    for severity, colour in (("critical", RED), ("warning", ORANGE)):
        limits = [{"color": GREEN, "value": None}, {"color": colour, "value": 1}]
        value = model.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": limits})
        panel = panel.override_by_name(severity, [value])
    return panel


def guardian_freshness() -> Any:
    late = (
        "(time() - max by (guardian) (aiops_guardian_last_look_timestamp_seconds))"
        " / max by (guardian) (aiops_guardian_period_seconds)"
    )
    return (
        statetimeline.Panel()
        .title("Guardian freshness")
        .description(
            "How old each guardian's last look is, in periods of its crontab line: green is below 1.2, and from 2 on a look "
            "was missed and nothing is known. `aiops schedule` says when each is due and where it is blind."
        )
        .with_target(query(late, "{{guardian}}"))
        .unit("suffix: periods")
        .decimals(1)
        .thresholds(steps((None, GREEN), (1.2, YELLOW), (2, RED)))
        .show_value(shared.VisibilityMode.NEVER)
        .merge_values(True)
    )


def findings_rate() -> Any:
    panel = (
        timeseries.Panel()
        .title("New findings per hour")
        .description(
            "What guardians saw wrong that no open incident held yet, by severity. A step up on many hosts at once is "
            "usually one cause: look for a change at that time."
        )
        .with_target(query("sum by (severity) (increase(aiops_findings_total[1h]))", "{{severity}}"))
        .unit("short")
        .min(0)
        .draw_style(shared.GraphDrawStyle.BARS)
        .fill_opacity(60)
        .stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL))
        .no_value("no new finding")
    )
    return coloured(panel, SEVERITIES)


def top_hosts() -> Any:
    return (
        bargauge.Panel()
        .title("Hosts with most open findings")
        .description(
            "The ten hosts on which most is wrong now. One host far above the others is worth a visit; all of them alike point "
            "to something they share. `aiops incidents --host NAME` says what."
        )
        .with_target(query("topk(10, sum by (host) (aiops_findings_open))", "{{host}}", instant=True))
        .unit("short")
        .min(0)
        .orientation(shared.VizOrientation.HORIZONTAL)
        .thresholds(steps((None, GREEN), (1, YELLOW), (5, RED)))
        .reduce_options(last())
        .no_value("nothing is wrong anywhere")
    )


def detect_to_close() -> Any:
    panel = (
        timeseries.Panel()
        .title("From detection to closing")
        .description(
            "How long incidents that were closed within the last day had lasted: half of them less than p50, nineteen of twenty "
            "less than p95. The line is 48 s, what a repair by hand once took at best. Figures are rounded up to a bucket."
        )
        .unit("s")
        .min(0)
        .no_value("no incident was closed within a day")
        .thresholds(steps((None, "transparent"), (48, BLUE)))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.LINE))
    )
    for ref, share, name in (("A", "0.5", "p50"), ("B", "0.95", "p95")):
        rate = f"histogram_quantile({share}, sum by (le) (increase(aiops_incident_duration_seconds_bucket[24h])))"
        panel = panel.with_target(query(rate, name, ref))
    return panel


def llm_outcomes() -> Any:
    panel = (
        timeseries.Panel()
        .title("LLM outcome per provider")
        .description(
            "Turns of each provider per hour. answered is the only good one; resting is a provider that failed and is left "
            "alone, budget is one that was not asked to save money. With all of them failing a human decides instead."
        )
        .with_target(
            query("sum by (provider, outcome) (increase(aiops_llm_turns_total[1h]))", "{{provider}}: {{outcome}}")
        )
        .unit("short")
        .min(0)
        .draw_style(shared.GraphDrawStyle.BARS)
        .fill_opacity(60)
        .stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL))
        .no_value("no LLM was asked: known fixes sufficed")
    )
    good = {"answered": GREEN, "resting": "text", "budget": BLUE}
    bad = dict.fromkeys(("rate_limit", "account", "unavailable", "timeout", "invalid"), RED)
    return coloured(panel, good | bad)


def llm_latency() -> Any:
    return (
        timeseries.Panel()
        .title("LLM latency, p95")
        .description(
            "Nineteen of twenty turns of a provider within the last hour were faster than this, failed ones included. "
            "Above 30 s the chain has hardly time left for the next provider."
        )
        .with_target(
            query(
                "histogram_quantile(0.95, sum by (le, provider)"
                " (increase(aiops_llm_turn_duration_seconds_bucket[1h])))",
                "{{provider}}",
            )
        )
        .unit("s")
        .min(0)
        .thresholds(steps((None, "transparent"), (30, RED)))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED))
        .no_value("no LLM was asked within an hour")
    )


def llm_cost() -> Any:
    euro = model.DynamicConfigValue(id_val="unit", value="currencyEUR")
    cents = model.DynamicConfigValue(id_val="decimals", value=3)
    return (
        stat.Panel()
        .title("LLM cost and tokens, 24 h")
        .description(
            "Euros and tokens of the last 24 hours, whatever the dashboard's range. Turns without a known price are in the tokens "
            "and not in the euros. The limits are in `[llm]`; `aiops cost` shows days, months and providers."
        )
        .with_target(query("sum(increase(aiops_llm_cost_euros_total[24h]))", "cost", "A", instant=True))
        .with_target(
            query(
                "sum by (direction) (increase(aiops_llm_tokens_total[24h]))", "tokens {{direction}}", "B", instant=True
            )
        )
        .unit("short")
        .override_by_name("cost", [euro, cents])
        .graph_mode(shared.BigValueGraphMode.NONE)
        .color_mode(shared.BigValueColorMode.NONE)
        .reduce_options(last())
        .no_value("0")
    )


def remediation_outcomes() -> Any:
    panel = (
        timeseries.Panel()
        .title("Remediation outcomes per hour")
        .description(
            "Playbooks that ended, by how. unknown means that a run was cut off and nobody can say what it did: its hosts are held "
            "until somebody has looked and said `aiops release`."
        )
        .with_target(
            query("sum by (playbook, outcome) (increase(aiops_remediations_total[1h]))", "{{playbook}}: {{outcome}}")
        )
        .unit("short")
        .min(0)
        .draw_style(shared.GraphDrawStyle.BARS)
        .fill_opacity(60)
        .stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL))
        .no_value("nothing was repaired")
        .data_links(to_log())
    )
    return coloured(panel, OUTCOMES)


def approvals() -> Any:
    seconds = model.DynamicConfigValue(id_val="unit", value="s")
    limits = [{"color": GREEN, "value": None}, {"color": YELLOW, "value": 3600}, {"color": RED, "value": 14400}]
    old = model.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": limits})
    return (
        stat.Panel()
        .title("Approvals waiting")
        .description(
            "Plans that wait for your word, and for how long the oldest has been waiting: yellow after an hour, red after four. "
            "`aiops approve ID` or `aiops deny ID`, or the buttons on your phone."
        )
        .with_target(query("sum(aiops_approvals_waiting)", "waiting", "A"))
        .with_target(query("max(aiops_approval_oldest_age_seconds)", "oldest", "B"))
        .unit("short")
        .thresholds(steps((None, GREEN), (1, YELLOW)))
        .override_by_name("oldest", [seconds, old])
        .graph_mode(shared.BigValueGraphMode.NONE)
        .reduce_options(last())
    )


def queues() -> Any:
    return (
        timeseries.Panel()
        .title("Queue depth")
        .description(
            "Messages that wait for their worker. Seconds are normal; what only grows has a worker that is dead, deaf or busy "
            "with a long playbook. `aiops doctor` looks."
        )
        .with_target(query("max by (queue) (aiops_queue_messages)", "{{queue}}"))
        .unit("short")
        .min(0)
        .thresholds(steps((None, "transparent"), (50, RED)))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED))
    )


def processes() -> Any:
    return (
        statetimeline.Panel()
        .title("Workers, beat and bridge")
        .description(
            "Which of our own processes give signs of life. Without detect and beat nothing is seen, without remediation nothing is "
            "repaired, without notify nobody is told. A gap means that ct190 itself could not be asked."
        )
        .with_target(query("min by (process) (aiops_process_up)", "{{process}}"))
        .with_target(query("min(aiops_bridge_connected)", "bridge to MQTT", "B"))
        .mappings(words({"0": ("silent", RED), "1": ("up", GREEN)}))
        .thresholds(steps((None, RED), (1, GREEN)))
        .show_value(shared.VisibilityMode.NEVER)
        .merge_values(True)
    )


def horizon() -> Any:
    certificate = "min by (host) (last_over_time(aiops_certificate_end_timestamp_seconds[26h])) - time()"
    backup = "min by (host) (last_over_time(aiops_backup_complete_timestamp_seconds[26h])) + 26 * 3600 - time()"
    unit = model.DynamicConfigValue(id_val="unit", value="dtdurations")
    cell = model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background"})

    def limits(yellow: float, red: float) -> Any:
        found = [{"color": RED, "value": None}, {"color": YELLOW, "value": red}, {"color": GREEN, "value": yellow}]
        return model.DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": found})

    day = 86400.0
    names = {"host": "host", "Value #A": "first certificate ends in", "Value #B": "next backup is due in"}
    return (
        table.Panel()
        .title("Certificates and backups ahead")
        .description(
            "Per host, how long its first certificate lasts (yellow below 14 days, red below 7), and per Proxmox node how long "
            "until a guest's newest backup is older than 26 hours (red: it is already). Both are looked for once a day."
        )
        .with_target(query(certificate, "", "A", instant=True, as_table=True))
        .with_target(query(backup, "", "B", instant=True, as_table=True))
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": names}
            )
        )
        .override_by_name("first certificate ends in", [unit, cell, limits(14 * day, 7 * day)])
        .override_by_name("next backup is due in", [unit, cell, limits(2 * 3600.0, 0.0)])
        .no_value("not looked at yet")
    )


def incident_log() -> Any:
    columns = ("changed", "incident", "severity", "state", "host", "kind")
    said = "1000 * max by (incident, kind, host, severity, state)"
    asked = f'sort_desc({said} (aiops_incident_changed_timestamp_seconds{{incident=~"$incident.*"}}))'
    links = {
        "every line of this incident (Loki)": every_line(),
        "what was done: its transcripts": "${transcripts:raw}/search?q=${__data.fields.incident}",
        "this incident alone": f"/d/{UID}?var-incident=${{__data.fields.incident}}&${{__url_time_range}}",
    }
    made = [link_of(dashboard.DashboardLink(title).url(url)) for title, url in links.items()]
    cell = model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})
    panel = (
        table.Panel()
        .title("Incident log")
        .description(
            "The fifty incidents that changed last, the newest change first; +3 after a host means three more hosts. Click an incident "
            "for every line about it in Loki or for its transcripts. An id in the field at the top (or ?var-incident=inc-...) "
            "shows that one alone; `aiops show ID` tells its whole story."
        )
        .with_target(query(asked, "", "A", instant=True, as_table=True))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: place for place, name in enumerate(("Value", *columns[1:]))},
                    "renameByName": {"Value": "changed"},
                },
            )
        )
        .sort_by([common.TableSortByFieldState().display_name("changed").desc(True)])
        .override_by_name("changed", [model.DynamicConfigValue(id_val="unit", value="dateTimeFromNow")])
        .override_by_name("incident", [model.DynamicConfigValue(id_val="links", value=made)])
        .no_value("no incident yet")
    )
    for column, colours in (("severity", SEVERITIES), ("state", STATES)):
        shown = [model.ValueMap(options={word: said_as(word, colour) for word, colour in colours.items()})]
        panel = panel.override_by_name(column, [model.DynamicConfigValue(id_val="mappings", value=shown), cell])
    return panel


def said_as(word: str, colour: str) -> Any:
    """A word as people say it, in its colour."""
    return model.ValueMappingResult(text=word.replace("_", " "), color=colour)


def every_line() -> str:
    """Explore with all that Loki keeps of one incident: thirty days, as in docs/logs.md."""
    source = {"type": LOKI.type_val, "uid": LOKI.uid}
    asked = {"refId": "A", "datasource": source, "expr": LOG, "queryType": "range"}
    span = {"from": "now-30d", "to": "now"}
    panes = {"log": {"datasource": LOKI.uid, "queries": [asked], "range": span}}
    # Grafana fills in what stands as ${...} in a link, and only while its braces are not encoded.
    return f"/explore?schemaVersion=1&panes={quote(json.dumps(panes, separators=(',', ':')), safe='${}:_.')}"


def link_of(builder: Any) -> dict[str, Any]:
    """A link as an override wants it."""
    made = builder.build()
    return {"title": made.title, "url": made.url}


ROWS: Sequence[Sequence[tuple[int, Any]]] = (
    ((9, open_incidents), (5, approvals), (10, processes)),
    ((12, guardian_freshness), (12, findings_rate)),
    ((8, top_hosts), (8, detect_to_close), (8, remediation_outcomes)),
    ((8, llm_outcomes), (8, llm_latency), (8, llm_cost)),
    ((12, queues), (12, horizon)),
    ((24, incident_log),),
)
HEIGHTS = (7, 9, 8, 8, 8, 12)
"""What needs a human first, at the top; each row is 24 columns wide."""
PLACES = (
    *(open_incidents, guardian_freshness, findings_rate, top_hosts, detect_to_close, llm_outcomes, llm_latency),
    *(llm_cost, remediation_outcomes, approvals, queues, processes, horizon, incident_log),
)
"""A panel's id is its place here, so that links to one survive a new layout."""


def built() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    made = (
        dashboard.Dashboard("aiops: security and operations")
        .uid(UID)
        .description("What is wrong, who deals with it, and whether the watchers themselves are awake.")
        .tags(["aiops", "soc"])
        .refresh("30s")
        .time("now-24h", "now")
        .timezone("browser")
        .editable()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            dashboard.TextBoxVariable("incident")
            .label("incident (inc-...)")
            .description("Shows one incident in the log at the bottom; empty shows all.")
            .default_value("")
        )
        .with_variable(
            dashboard.TextBoxVariable("transcripts")
            .label("transcripts at")
            .description("Where your git server shows the repository of [records] transcripts_remote.")
            .default_value(TRANSCRIPTS)
        )
    )
    top = 0
    for row, height in zip(ROWS, HEIGHTS, strict=True):
        left = 0
        for width, build in row:
            panel = build().id(PLACES.index(build) + 1)
            panel = panel.grid_pos(model.GridPos(h=height, w=width, x=left, y=top))
            made = made.with_panel(panel.datasource(VICTORIA))
            left += width
        top += height
    found: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return found


def importable(found: dict[str, Any]) -> dict[str, Any]:
    """The same with pickers for the data sources, as Grafana's import page reads it."""
    text = json.dumps(found)
    for old, new in (
        ('"uid": "victoriametrics"', '"uid": "${DS_METRICS}"'),
        ("%22loki%22%2C%22queries", "%22${DS_LOKI}%22%2C%22queries"),
        ("%22uid%22:%22loki%22", "%22uid%22:%22${DS_LOKI}%22"),
        (TRANSCRIPTS, "${VAR_TRANSCRIPTS}"),
    ):
        text = text.replace(old, new)
    inputs = [
        {
            "name": "DS_METRICS",
            "label": "VictoriaMetrics or Prometheus",
            "description": "where aiops's five targets are scraped to",
            "type": "datasource",
            "pluginId": "prometheus",
            "pluginName": "Prometheus",
        },
        {
            "name": "DS_LOKI",
            "label": "Loki",
            "description": "where aiops's events and task logs are pushed to",
            "type": "datasource",
            "pluginId": "loki",
            "pluginName": "Loki",
        },
        {
            "name": "VAR_TRANSCRIPTS",
            "label": "Transcripts",
            "description": "where your git server shows the repository of [records] transcripts_remote",
            "type": "constant",
            "value": TRANSCRIPTS,
        },
    ]
    needed = [
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        {"type": "datasource", "id": "loki", "name": "Loki", "version": "1.0.0"},
        *[
            {"type": "panel", "id": kind, "name": kind, "version": ""}
            for kind in sorted({panel["type"] for panel in found["panels"]})
        ],
    ]
    return {"__inputs": inputs, "__elements": {}, "__requires": needed, **json.loads(text), "id": None}


def files() -> dict[Path, str]:
    """Both files with their text."""
    found = built()
    return {
        HERE / "dashboards" / f"{UID}.json": json.dumps(found, indent=2, sort_keys=True) + "\n",
        HERE / "import" / f"{UID}.json": json.dumps(importable(found), indent=2, sort_keys=True) + "\n",
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(built()['panels'])} panels\n")
