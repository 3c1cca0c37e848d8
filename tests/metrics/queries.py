"""Every query that we ship, and the names of metrics in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aiops.domain.metric import ABOUT, METRICS

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "aiops-soc.json"
IMPORT = GRAFANA / "import" / "aiops-soc.json"
RULES = GRAFANA / "prometheus" / "rules.yml"

SERVED = {name for metric in METRICS.values() for name in metric.series} | set(ABOUT) | {"up"}
"""What a query may name. ``up`` is the scraper's own."""


def named(expr: str) -> set[str]:
    """The metrics in it: words before a selector, a range or an end, without functions, labels and strings."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right) ?\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}", " ", bare)
    bare = re.sub(r"\[[^]]*\]", " ", bare)
    words = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w)(?! *\()", bare)
    return set(words) - {"and", "or", "unless", "offset", "bool"}


def panels(path: Path = DASHBOARD) -> list[dict[str, Any]]:
    """The dashboard's, by id."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return sorted(found, key=lambda panel: int(panel["id"]))


def metric_queries() -> Iterator[tuple[str, str]]:
    """Title and query of everything that the panels ask, as Grafana sends it with an empty field at the top."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$incident", "")


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    return found
