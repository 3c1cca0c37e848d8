"""cost: what the models were asked and what it cost, by day, month and incident."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from aiops import bootstrap
from aiops.domain.verdict import Attempt
from aiops.settings import load_settings
from tasks.cli.output import Json, dump, table

_MONTHS = timedelta(days=365)
_COLUMNS = ("asked", "answered", "tokens in", "tokens out", "EUR", "price unknown")


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(cost)


def cost(
    incident: Annotated[str, typer.Argument(help="Only what this incident has cost, provider by provider.")] = "",
    days: Annotated[int, typer.Option(min=1, max=730, help="How many days to list.")] = 14,
    by_incident: Annotated[
        bool, typer.Option("--by-incident", help="The dearest incidents of these days too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what the LLM has cost, by day and month. Days and months are UTC, as the budget counts them."""
    settings = load_settings()
    ledger = bootstrap.incidents(settings).ledger
    if incident:
        ledger.get(incident)
    now = datetime.now(UTC)
    booked = ledger.booked(datetime.min.replace(tzinfo=UTC) if incident else now - _MONTHS, incident)
    asked = [(name, attempt) for name, attempt in booked if attempt.asked]
    first = f"{now - timedelta(days=days - 1):%Y-%m-%d}"
    recent = [(name, attempt) for name, attempt in asked if f"{attempt.at:%Y-%m-%d}" >= first]
    groups = {
        "day": _sums((f"{attempt.at:%Y-%m-%d}", attempt) for _, attempt in (asked if incident else recent)),
        "month": _sums((f"{attempt.at:%Y-%m}", attempt) for _, attempt in asked),
        "provider": _sums((f"{one.provider} {one.model}", one) for _, one in (asked if incident else recent)),
    }
    if by_incident:
        dearest = sorted(_sums(recent).items(), key=lambda pair: -pair[1]["eur"])
        groups["incident"] = dict(dearest[:20])
    budget = settings.llm.budget()
    if as_json:
        dump({**groups, "budget": budget})
        return
    for name, sums in groups.items():
        table((name, *_COLUMNS), _rows(sums), empty=f"by {name}: no model was asked")
    typer.echo(f"budget: {budget.day:.2f} EUR a day, {budget.month:.2f} EUR a month")
    unknown = sum(sums["unknown"] for sums in groups["day"].values())
    if unknown:
        typer.echo(f"{unknown} answer(s) have no known price and are not in these sums: set dollars_in and dollars_out")


def _sums(pairs: Iterable[tuple[str, Attempt]]) -> dict[str, dict[str, Any]]:
    grouped: dict[str, list[Attempt]] = defaultdict(list)
    for name, attempt in pairs:
        grouped[name].append(attempt)
    return {
        name: {
            "asked": len(attempts),
            "answered": sum(attempt.outcome == "answered" for attempt in attempts),
            "tokens_in": sum(attempt.tokens_in for attempt in attempts),
            "tokens_out": sum(attempt.tokens_out for attempt in attempts),
            "eur": round(sum(attempt.cost or 0.0 for attempt in attempts), 6),
            "unknown": sum(attempt.cost is None for attempt in attempts),
        }
        for name, attempts in grouped.items()
    }


def _rows(sums: dict[str, dict[str, Any]]) -> Sequence[Sequence[Any]]:
    return [
        (
            name,
            one["asked"],
            one["answered"],
            one["tokens_in"],
            one["tokens_out"],
            f"{one['eur']:.4f}",
            one["unknown"] or "",
        )
        for name, one in sums.items()
    ]
