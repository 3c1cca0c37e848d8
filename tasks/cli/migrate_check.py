"""migrate check: what of the old system still runs beside us. Only looks."""

from pathlib import Path
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.moving import Moved, doubles
from aiops.rules import old_work
from aiops.settings import written_settings
from tasks.cli.output import Json, dump, table


def check(
    hosts: Annotated[list[str] | None, typer.Argument(help="Hosts of the inventory; default: this machine.")] = None,
    login: Annotated[str, typer.Option(help="Who logs in: root, or who may sudo without a password.")] = "root",
    identity: Annotated[Path | None, typer.Option(help="Its private key; default: what ssh itself would take.")] = None,
    known: Annotated[Path | None, typer.Option(help="More of what the old system did, asked first: TOML.")] = None,
    bot: Annotated[bool, typer.Option(help="Find out whether somebody else polls the bot: 15 seconds.")] = True,
    as_json: Json = False,
) -> None:
    """Find crons, timers and the poller of an old system that are alive, and which guardian each would double.

    It changes nothing. A poller of the same bot gets a 409 by it, and polls again. Exit code 1 when something is found, or
    something could not be looked at.
    """
    settings = written_settings()
    old = bootstrap.old_system(settings, login, identity)
    inventory = bootstrap.inventory(settings)
    work = old_work(known)
    looks = [old.look(inventory.find(name)) for name in hosts] if hosts else [old.look(None)]
    moved = Moved(
        doubles=tuple(doubles([trace for traces, _ in looks for trace in traces], work)),
        unseen=tuple(one for _, unseen in looks for one in unseen),
        bot=bootstrap.other_poller(settings) if bot else "not looked at",
    )
    if as_json:
        dump({**moved.model_dump(mode="json"), "clear": moved.clear})
    else:
        _show(moved)
    if not moved.clear:
        raise typer.Exit(1)


def _show(moved: Moved) -> None:
    rows = [(one.host, one.doubles, one.place, one.text, _todo(one.doubles, one.advice)) for one in moved.doubles]
    table(("host", "doubles", "where", "line", "do"), rows, empty="nothing of an old system runs by the clock")
    for one in moved.unseen:
        typer.echo(f"not looked at: {one.place} on {one.host}: {one.reason}")
    typer.echo(f"the bot: {moved.bot}{_stop(moved.bot)}")


def _todo(name: str, advice: str) -> str:
    return f"take the line out, then aiops migrate take {name}{f'; {advice}' if advice else ''}"


def _stop(bot: str) -> str:
    if bot == "polled by somebody else":
        return ": stop the old poller before aiops-listen starts, or give ours a bot of its own"
    return ": deleteWebhook, or give ours a bot of its own" if bot == "a webhook is set" else ""
