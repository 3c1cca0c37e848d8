"""site-metrics: what the public site says, computed from what is known, checked, and compared with what it says now.

``site_figures`` runs where the ledger is, ``publish_site`` where the way out is; a fact of sums travels between them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from aiops.domain.event import Event
from aiops.domain.fact import iso
from aiops.domain.host import Host
from aiops.domain.night import NightReport, NodeState, ServiceState, SiteFigures, Usage
from aiops.domain.severity import Severity
from aiops.errors import PermanentError
from aiops.ports import IncidentServices, NightServices
from aiops.probes.http import figure_name, read_figure

RECENT: Final = timedelta(minutes=30)
"""``health`` looks every five minutes: a page that was not asked for in six looks is unknown, not up."""
COMMITS: Final = timedelta(days=30)
"""What the site calls its figure after: ``forgejo_commits_30d``."""
USAGE: Final = "usage"
"""The name under which the night's book keeps the last sums of the agent's use."""
_SHOWN: Final = 20

Payload = dict[str, Any]


class SiteDraft:
    """Both values, and how they differ from what the site says."""

    def __init__(self, stats: Payload, status: Payload, deltas: Sequence[str], remarks: Sequence[str]) -> None:
        self.stats, self.status, self.deltas, self.remarks = stats, status, tuple(deltas), tuple(remarks)

    @property
    def values(self) -> Mapping[str, Payload]:
        """By their key at the site."""
        return {"stats": self.stats, "status": self.status}


def site_figures(services: IncidentServices) -> SiteFigures:
    """Every page of the inventory as the last look saw it. What sleeps by design is left out, what nobody saw is named.

    :raises LedgerBusyError: the ledger cannot be read now
    """
    now = services.clock()
    said: dict[tuple[str, str], str] = {}
    asleep: set[str] = set()
    for sweep in services.ledger.sweeps_since(now - RECENT):
        said |= {(host, name): text for host, shown in sweep.figures.items() for name, text in shown.items()}
        asleep = (asleep - set(sweep.looked_at)) | set(sweep.asleep)
    seen: list[ServiceState] = []
    unseen: list[str] = []
    for host in services.inventory.hosts():
        for url in host.labels.get("http", "").split():
            name, text = _name(host, url), said.get((host.name, figure_name(url)))
            if text is not None:
                up, latency = read_figure(text)
                seen.append(ServiceState(name=name, up=up, latency=latency, category=host.role or "other"))
            elif host.name not in asleep:
                unseen.append(name)
    return SiteFigures(at=now, services=tuple(seen), unseen=tuple(unseen))


def draft_site(figures: SiteFigures, services: NightServices) -> SiteDraft:
    """Both values, checked.

    :raises SettingsError: one of them has not the form that the site reads; or a source may not be read
    :raises BusError: the site, Proxmox or Forgejo does not answer now
    """
    now = services.clock()
    listed = [
        one.model_copy(update={"core": not services.core or one.name in services.core}) for one in figures.services
    ]
    hosts = services.inventory.hosts()
    nodes = services.nodes.nodes() if services.nodes else []
    before = {key: services.site.get(key) if services.site else None for key in ("stats", "status")}
    summary = _summary(listed)
    usage = _usage(services)
    known = before["stats"].get("stats") if isinstance(before["stats"], dict) else None
    kept = {key: value for key, value in (known or {}).items() if isinstance(value, str | int | float | bool)}
    computed = _stats(summary, hosts, nodes, listed, services) | _claude(usage, now, services.stale)
    if services.forge:
        computed["forgejo_commits_30d"] = services.forge.commits_since(now - COMMITS)
    stats: Payload = {"ok": True, "stats": kept | computed, "updated_at": iso(figures.at)}
    status: Payload = {
        "ok": bool(listed),
        "services": [
            {"name": one.name, "status": "up" if one.up else "down", "latency": one.latency, "category": one.category}
            for one in listed
        ],
        "nodes": [_node(node, hosts) for node in nodes],
        "summary": summary,
        "updated_at": iso(figures.at),
    }
    remarks = [f"nobody has looked lately at {', '.join(figures.unseen[:_SHOWN])}"] if figures.unseen else []
    remarks += _remarks(usage, now, services.stale)
    draft = SiteDraft(stats, status, [*_changes(kept, computed), *_moved(before["status"], status)], remarks)
    for key, value in draft.values.items():
        if services.site:
            services.site.check(key, value)
    return draft


def publish_site(figures: SiteFigures, services: NightServices) -> NightReport | None:
    """Push both values; what changed is a report, and so is that it cannot be pushed. None when there is nothing to say.

    :raises BusError: see ``draft_site``; pushing again is harmless
    """
    if services.site is None:
        return None
    try:
        draft = draft_site(figures, services)
        for key, value in draft.values.items():
            services.site.put(key, value)
    except PermanentError as error:
        lines = ("site-metrics: the site's figures were not pushed", str(error))
        return NightReport(name="site-metrics", at=figures.at, lines=lines, severity=Severity.WARNING)
    services.events.publish(
        Event(
            source="hermes",
            cron="guardian-site-metrics",
            severity=Severity.DEBUG,
            timestamp=services.clock(),
            host="hermes",
            symptom=f"the site's figures were pushed, {len(draft.deltas)} of them new",
            type="site.published",
            context={"deltas": list(draft.deltas), "remarks": list(draft.remarks)},
        )
    )
    said = [*draft.deltas, *draft.remarks]
    if not said:
        return None
    return NightReport(
        name="site-metrics", at=figures.at, lines=(f"site-metrics: {len(draft.deltas)} figures changed", *said[:40])
    )


def keep_usage(usage: Usage, services: NightServices) -> None:
    """Keep the sums that the workstation sent; older ones than we have change nothing."""
    services.book.keep(USAGE, usage.model_dump_json(), usage.at)


def _usage(services: NightServices) -> Usage | None:
    text = services.book.kept(USAGE)
    return Usage.model_validate_json(text) if text else None


def _stats(
    summary: Payload,
    hosts: Sequence[Host],
    nodes: Sequence[NodeState],
    listed: Sequence[ServiceState],
    services: NightServices,
) -> Payload:
    figures: Payload = {
        "ansible_hosts": len(hosts),
        "ansible_playbooks": services.playbooks,
        "https_services": sum(
            url.startswith("https://") for host in hosts for url in host.labels.get("http", "").split()
        ),
    }
    if listed:
        figures |= {
            "services_up": summary["up"],
            "services_total": summary["total"],
            "services_up_core": summary["up_core"],
            "services_total_core": summary["total_core"],
            "uptime_pct": summary["uptime_pct"],
        }
    if nodes:
        figures |= {"proxmox_nodes": len(nodes), "lxc_count": sum(node.containers for node in nodes)}
    return figures


def _claude(usage: Usage | None, now: datetime, stale: timedelta) -> Payload:
    if usage is None:
        return {}
    figures: Payload = {
        "claude_hours": round(usage.hours),
        "claude_sessions": usage.sessions,
        "claude_tokens_billions": round(usage.tokens / 1e9, 2),
        "claude_stale": now - usage.at > stale,
    }
    return figures | ({"claude_cache_hit": usage.cache_hit} if usage.cache_hit is not None else {})


def _remarks(usage: Usage | None, now: datetime, stale: timedelta) -> list[str]:
    if usage is None:
        return ["nobody has sent the agent's use yet: aiops usage push, on the workstation"]
    hours = (now - usage.at).total_seconds() / 3600
    return [f"the agent's use is stale: it was sent {hours:.0f} h ago"] if now - usage.at > stale else []


def _summary(listed: Sequence[ServiceState]) -> Payload:
    up, core = [one for one in listed if one.up], [one for one in listed if one.core]
    up_core = [one for one in core if one.up]
    return {
        "total": len(listed),
        "up": len(up),
        "down": len(listed) - len(up),
        "uptime_pct": _share(len(up), len(listed)),
        "total_core": len(core),
        "up_core": len(up_core),
        "uptime_pct_core": _share(len(up_core), len(core)),
    }


def _share(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _node(node: NodeState, hosts: Sequence[Host]) -> Payload:
    on_demand = any(host.expected_state == "on_demand" and host.name.lower() == node.name.lower() for host in hosts)
    state = "up" if node.online else "on-demand" if on_demand else "offline"
    days = None if node.uptime is None else round(node.uptime / 86400, 1)
    told: Payload = {"name": node.name, "state": state, "cpu": node.cpu, "ram": node.ram, "uptime_days": days}
    return {key: value for key, value in told.items() if value is not None}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sorted(now.items()):
        if key not in before:
            yield f"{key}: the site says nothing, it is {json.dumps(value)}"
        elif before[key] != value:
            yield f"{key}: the site says {json.dumps(before[key])}, it is {json.dumps(value)}"


def _moved(before: Any, now: Payload) -> Iterator[str]:
    """Services and nodes whose state is another one. Latencies change every time and say nothing."""
    for part, field in (("services", "status"), ("nodes", "state")):
        rows = before.get(part) if isinstance(before, dict) else None
        old = {row.get("name"): row.get(field) for row in rows or [] if isinstance(row, dict)}
        new = {row["name"]: row[field] for row in now[part]}
        for name in sorted({*map(str, old), *new}):
            if old.get(name) != new.get(name):
                yield f"{name}: the site says {old.get(name) or 'nothing'}, it is {new.get(name) or 'not there'}"


def _name(host: Host, url: str) -> str:
    """A name that gives no address away: the first label of the page's, or the host's own where that is a number."""
    label = (urlsplit(url).hostname or "").partition(".")[0]
    return host.name if not label or label.isdigit() or ":" in (urlsplit(url).hostname or "") else label
