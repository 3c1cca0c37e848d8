"""report: what a day or a month came to, from the ledger."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.domain.fact import utcnow
from aiops.domain.report import Sort
from aiops.errors import SettingsError
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, dump


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(report)


def report(
    daily: Annotated[bool, typer.Option("--daily", help="The last 24 hours; so without any option.")] = False,
    monthly: Annotated[bool, typer.Option("--monthly", help="The last whole month on your clock.")] = False,
    security: Annotated[
        bool, typer.Option("--security", help="24 hours of the guardians that look for intruders.")
    ] = False,
    month: Annotated[str, typer.Option(help="With --monthly: another month, YYYY-MM.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was seen, repaired and relapsed, how long it took, and what the LLM cost."""
    if daily + monthly + security > 1:
        raise SettingsError("report", "ask for one of --daily, --monthly and --security")
    settings = load_settings()
    now = utcnow()
    span = steps.month(month, now, settings.timezone) if monthly or month else steps.last_day(now)
    sort: Sort = "monthly" if monthly or month else "security" if security else "daily"
    ledger = bootstrap.incidents(settings).ledger
    found = steps.report_figures(sort, *span, ledger, zone=settings.timezone, periods=_periods(settings))
    if as_json or html:
        both, why = bootstrap.symbiosis(settings)
        found = found.model_copy(update={"symbiosis": both, "no_symbiosis": why})
    if html:
        html.write_text(bootstrap.report_page(found, settings.timezone), encoding="utf-8")
    if as_json:
        dump(found)
    elif html:
        typer.echo(f"written: {html}")
    else:
        typer.echo("\n".join(steps.report_lines(found)))


def _periods(settings: Settings) -> dict[str, timedelta]:
    """The rests of the guardians that have something to look at."""
    from tasks.periods import periods  # noqa: PLC0415 - imports Celery

    known = steps.detectors()
    return {name: period for name, period in periods().items() if not known[name].idle(settings.sources)}
