"""backup: the nightly backup, allowed once by a human, looked at and stopped by one."""

import time
from getpass import getuser
from typing import Annotated, Any

import typer

from aiops import bootstrap, steps
from aiops.domain.backup import BackupResult, Night
from aiops.domain.fact import utcnow
from aiops.errors import SettingsError
from aiops.ports import BackupRuns, IncidentServices
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

_LAST = 7
_FOLLOW_SECONDS = 1.0

commands = typer.Typer(no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(commands, name="backup", help="The nightly backup: approve it, look at it, run it now, stop it.")


@commands.command()
def status(
    follow: Annotated[bool, typer.Option("--follow", help="Go on printing steps until the run is over.")] = False,
    as_json: Json = False,
) -> None:
    """Show whether it is approved, how far the open run is, and how the last ones ended. Exit code 1 when the last one failed.

    The steps stand in CT196's ledger: ask there.
    """
    settings = load_settings()
    runs = bootstrap.backup_runs(settings)
    if follow:
        _follow(runs)
    night, past = runs.open_backup(), runs.past_backups(_LAST)
    approval = _approval()
    if as_json:
        dump({"approval": approval, "open": _progress(night) if night else None, "past": [_brief(one) for one in past]})
    else:
        typer.echo(f"approval  {approval}")
        typer.echo(f"open      {_line(night)}" if night else "open      none")
        rows = [(one.run, one.status, clock(one.finished_at), _count(one), one.reason) for one in past]
        table(("run", "ended", "at", "guests", "reason"), rows, empty="no run has ended yet")
    if past and past[0].status not in ("success", "stopped"):
        raise typer.Exit(1)


@commands.command()
def run(
    follow: Annotated[bool, typer.Option("--follow", help="Print the steps until the run is over.")] = False,
    as_json: Json = False,
) -> None:
    """Back up now, under the standing approval."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker only when needed

    settings = load_settings()
    services = bootstrap.incidents(settings)
    hand_on(steps.order_backup(getuser(), services, by_hand=True))
    ordered = services.ledger.ordered_backups(1)[0]
    if as_json:
        dump({"run": ordered.run, "not_after": ordered.not_after})
    else:
        typer.echo(f"ordered {ordered.run}\nwatch it with: aiops backup status --follow")
    if follow:
        _follow(bootstrap.backup_runs(settings), ordered.run)


@commands.command()
def stop(why: Annotated[str, typer.Argument(help="For the record.")] = "", as_json: Json = False) -> None:
    """End the open run now: what runs is asked to end, the rest is left out, and everything is put back. On CT196."""
    said = f"{getuser()} stopped it{f': {why}' if why else ''}"
    name = bootstrap.backup_runs(load_settings()).stop_backup(said, utcnow())
    dump({"stopping": name}) if as_json else typer.echo(
        f"{name} ends and cleans up; watch it with: aiops backup status --follow"
    )


@commands.command()
def approve(
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long it holds.")] = 365, as_json: Json = False
) -> None:
    """Allow the nightly backup that the settings describe, until it is revoked, changed, or its time is over."""
    services = _services()
    given = steps.approve_backups(getuser(), days, services).approval
    if as_json:
        dump(given)
        return
    scope = services.backup
    typer.echo(f"approved {given.id} until {clock(given.until)}, for exactly this:")
    without = ", ".join(scope.exclude) or "exception"
    typer.echo(f"  {', '.join(scope.nodes)} to {scope.storage} on {scope.store}, without {without}")
    kept = f"last {scope.keep_last}, daily {scope.keep_daily}, weekly {scope.keep_weekly}"
    typer.echo(f"  of each guest is kept: {kept}; older backups are removed")
    test = f"yes, as guest {scope.scratch}, destroyed afterwards" if scope.restore_test else "no"
    typer.echo(f"  {scope.store} is woken and shut down; restore test: {test}")


@commands.command()
def revoke(as_json: Json = False) -> None:
    """Take the approval back: no night is ordered any more. A run under way goes on; `aiops backup stop` ends it."""
    steps.revoke_backups(getuser(), _services())
    dump({"revoked": True}) if as_json else typer.echo("revoked; allow it again with: aiops backup approve")


def _services() -> IncidentServices:
    return bootstrap.incidents(load_settings())


def _approval() -> str:
    """In words; CT196 has no signing key, so it cannot look."""
    try:
        services = _services()
    except SettingsError:
        return "is kept on the deciding side: ask there"
    if not services.backup.store:
        return "not needed: [backup] names no store, so no backup runs"
    kept = services.ledger.standing_approval()
    frozen = services.ledger.backups_frozen()
    why = steps.backup_obstacle(services) or (f"frozen by {frozen}" if frozen else "")
    return why or (f"{kept.approval.by} until {clock(kept.approval.until)}" if kept else "")


def _follow(runs: BackupRuns, name: str = "") -> None:
    """Print steps as they end, until the run is over."""
    seen: set[str] = set()
    while True:
        night = runs.open_backup()
        name = night.run if night else name
        for step in runs.backup_steps(name):
            if step.ended and step.key not in seen:
                seen.add(step.key)
                typer.echo(
                    f"{clock(step.ended_at or step.began_at)}  {step.state:7} {step.key} on {step.host}  {step.text}"
                )
        if night is None and (not name or runs.backup_result(name)):
            return
        time.sleep(_FOLLOW_SECONDS)


def _progress(night: Night) -> dict[str, Any]:
    begun = [step for step in night.steps if not step.ended]
    return {
        "run": night.run,
        "started_at": night.started_at,
        "stop": night.stop,
        "done": sum(step.ended for step in night.steps),
        "failed": [step.key for step in night.steps if step.state == "failed"],
        "now": {step.key: step.host for step in begun},
        "steps": [step.model_dump(mode="json") for step in night.steps],
    }


def _line(night: Night) -> str:
    told = _progress(night)
    now = ", ".join(f"{key} on {host}" for key, host in told["now"].items()) or "between two steps"
    failed = f", failed: {', '.join(told['failed'])}" if told["failed"] else ""
    return f"{night.run} since {clock(night.started_at)}: {told['done']} steps ended{failed}; now {now}" + (
        f"; stopping: {night.stop}" if night.stop else ""
    )


def _brief(result: BackupResult) -> dict[str, Any]:
    return result.model_dump(mode="json", exclude={"transcript"})


def _count(result: BackupResult) -> str:
    return f"{sum(said == 'done' for said in result.guests.values())} of {len(result.guests)}"
