"""schedule: what runs when, what came of it last, and where it is blind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from aiops import bootstrap
from aiops.domain.fact import utcnow
from aiops.domain.sweep import Look
from aiops.ports import IncidentServices
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, clock, dump, table

_SHOWN = 6


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(schedule)


def schedule(as_json: Json = False) -> None:
    """Show for each guardian its last look, what came of it, where it is blind, and when it is due next."""
    settings = load_settings()
    whole = told(settings, bootstrap.incidents(settings))
    if as_json:
        dump(whole)
        return
    columns = ("guardian", "when", "last look", "result", "next")
    table(columns, [_row(line) for line in whole["guardians"]], empty="no guardian is scheduled")
    typer.echo("")
    rows = [(line["what"], line["when"], clock(line["next"])) for line in whole["housekeeping"]]
    table(("housekeeping", "when", "next"), rows, empty="nothing else is scheduled")
    for line in whole["guardians"]:
        for reason, hosts in _by_reason(line["blind"]).items():
            typer.echo(f"blind   {line['what']} on {_some(hosts)}: {reason}")
        if line["late"]:
            typer.echo(f"missed  {line['what']} on {_some(line['late'])}")


def told(settings: Settings, services: IncidentServices) -> dict[str, Any]:
    """The crontab with what came of each line last."""
    from tasks import schedule as lines  # noqa: PLC0415 - imports Celery

    now, zone = utcnow(), settings.timezone
    known = {host.name for host in services.inventory.hosts()}
    looks = [look for look in services.ledger.looks() if look.host in known]
    expected = lines.expected(settings, now)
    guardians: list[dict[str, Any]] = [
        {
            "what": name,
            "when": repr(line),
            "next": line.after(now),
            "set_up": name in expected,
            **_last([look for look in looks if look.detector == name], expected.get(name)),
        }
        for name, line in lines.guardians(zone).items()
    ]
    others = [
        {"what": name, "when": repr(line), "next": line.after(now)} for name, line in lines.housekeeping(zone).items()
    ]
    return {"timezone": zone, "guardians": guardians, "housekeeping": others}


def _last(looks: Sequence[Look], expected: datetime | None) -> dict[str, Any]:
    """What the last look at each host gave, together. Nothing is late where nothing is expected."""
    return {
        "last": max((look.at for look in looks), default=None),
        "hosts": len(looks),
        "findings": sum(look.findings for look in looks),
        "blind": {
            look.host: {probe: look.reasons.get(probe, "") for probe in look.blind} for look in looks if look.blind
        },
        "asleep": [look.host for look in looks if look.asleep],
        "late": [look.host for look in looks if expected and look.at < expected],
    }


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    if not line["set_up"]:
        return line["what"], line["when"], "", "what it asks is not set up", ""
    if line["last"] is None:
        return line["what"], line["when"], "never", "", clock(line["next"])
    result = f"{line['findings']} findings on {line['hosts']} hosts"
    for word in ("blind", "asleep"):
        if line[word]:
            result += f", {len(line[word])} {word}"
    return line["what"], line["when"], clock(line["last"]), result, clock(line["next"])


def _by_reason(blind: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Hosts that are blind for the same reason, together: a source that does not answer is one line, not sixty."""
    together: dict[str, list[str]] = {}
    for host, probes in blind.items():
        for probe, reason in probes.items():
            together.setdefault(f"{probe}: {reason}" if reason else probe, []).append(host)
    return together


def _some(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:_SHOWN]) + (f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else "")
