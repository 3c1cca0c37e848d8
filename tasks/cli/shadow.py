"""shadow, migrate take, migrate give-back: moving in beside an old system, guardian by guardian, with the way back."""

from datetime import timedelta
from getpass import getuser
from typing import Annotated, Any

import typer

from aiops import bootstrap, steps
from aiops.domain.handover import Handover
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

Why = Annotated[str, typer.Option(help="For the record.")]


def shadow(
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 365, help="How far back.")] = 24,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest.")] = 50,
    as_json: Json = False,
) -> None:
    """Say who is in shadow beside the old system, and what would have been said and done there."""
    settings = load_settings()
    services = bootstrap.incidents(settings)
    taken = {one.guardian: one for one in services.ledger.takeovers()}
    names = steps.may_be_taken()
    live = {"off": set(names), "untaken": set(taken), "all": set()}[settings.shadow]
    found = services.ledger.shadowed(services.clock() - timedelta(hours=hours), limit)
    if as_json:
        guardians = {name: "live" if name in live else "shadow" for name in names}
        dump({"shadow": settings.shadow, "guardians": guardians, "taken": list(taken.values()), "would": list(found)})
        return
    typer.echo(f"shadow: {settings.shadow} ({bootstrap.SHADOWS[settings.shadow]})")
    if settings.shadow == "untaken":
        rows = [(name, "live" if name in live else "shadow", _since(taken.get(name))) for name in names]
        table(("guardian", "is", "since"), rows, empty="")
    said = [
        (clock(one.at), one.severity.value, f"would have {one.what}", one.incident, one.text.splitlines()[0])
        for one in found
    ]
    table(("when", "severity", "what", "incident", "text"), said, empty="nothing would have been said or done")


def take(guardian: str, why: Why = "", as_json: Json = False) -> None:
    """Take a guardian over: from now on it speaks and acts. Stop its old cron first; `aiops migrate check` finds it."""
    _move(steps.take_over(guardian, getuser(), why or "no reason given", bootstrap.incidents(load_settings())))
    done = {"guardian": guardian, "is": "live"}
    dump(done) if as_json else typer.echo(
        f"{guardian} speaks and acts from now on\nthe way back: aiops migrate give-back {guardian}, then start its old cron"
    )


def give_back(guardian: str, why: Why = "", as_json: Json = False) -> None:
    """Give a guardian back to the old system: from now on it only looks. Start its old cron again."""
    _move(steps.give_back(guardian, getuser(), why, bootstrap.incidents(load_settings())))
    done = {"guardian": guardian, "is": "shadow"}
    dump(done) if as_json else typer.echo(f"{guardian} only looks from now on; start its old cron again")


def _move(handed: Handover) -> None:
    from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker's settings only when needed

    hand_on(handed)


def _since(one: Any) -> str:
    return f"{clock(one.at)}, {one.who}: {one.why}" if one else ""
