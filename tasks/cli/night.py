"""site-metrics, doc-sync, feeds, usage: the night work by hand."""

from typing import Annotated

import typer

from aiops import bootstrap, steps
from aiops.settings import load_settings
from tasks.cli.output import Json, dump

usage_commands = typer.Typer(no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command(name="site-metrics")(site_metrics)
    cli.command(name="doc-sync")(doc_sync)
    cli.command()(feeds)
    cli.add_typer(
        usage_commands, name="usage", help="What an agent has used, on the workstation where its database lies."
    )


def site_metrics(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show both values and what would change; push nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compute, check and push the figures of the public site. Exit code 1 with --dry-run when the site says something else."""
    if not dry_run:
        from tasks.pipeline import site_metrics as task  # noqa: PLC0415 - imports Celery

        typer.echo(f"asked for: {task.delay().id}; what changes is told as every report")
        return
    settings = load_settings()
    draft = steps.draft_site(steps.site_figures(bootstrap.incidents(settings)), bootstrap.night(settings))
    if as_json:
        dump({**draft.values, "deltas": draft.deltas, "remarks": draft.remarks})
    else:
        typer.echo("\n".join([*draft.deltas, *draft.remarks]) or "the site says what is")
    if draft.deltas:
        raise typer.Exit(1)


def doc_sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what differs; propose nothing, tell nobody.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare what is written down with what is. Exit code 1 with --dry-run when something differs or was not compared."""
    if not dry_run:
        from tasks.pipeline import doc_sync as task  # noqa: PLC0415 - imports Celery

        typer.echo(f"asked for: {task.delay().id}; what is new is told as every report")
        return
    found = steps.compare_docs(bootstrap.night(load_settings()))
    if as_json:
        dump({"deltas": found.deltas, "not_compared": found.blind, "files": sorted(found.files)})
    else:
        lines = [f"{one.where}: {one.text}" for one in found.deltas] + [f"not compared: {why}" for why in found.blind]
        typer.echo("\n".join(lines) or "nothing differs")
    if found.deltas or found.blind:
        raise typer.Exit(1)


def feeds(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is new; ask no model, tell nobody.")] = False,
    as_json: Json = False,
) -> None:
    """Read the feeds of the settings and tell what is new."""
    if not dry_run:
        from tasks.pipeline import read_feeds as task  # noqa: PLC0415 - imports Celery

        typer.echo(f"asked for: {task.delay().id}; what is new is told as every report")
        return
    batch = steps.read_feeds(bootstrap.night(load_settings()))
    if as_json:
        dump(batch)
    elif batch is None:
        typer.echo("nothing new")
    else:
        typer.echo("\n".join([f"{item.title} ({item.feed}) {item.link}" for item in batch.items] + list(batch.blind)))


@usage_commands.callback()
def group() -> None:
    """What an agent has used, on the workstation where its database lies."""


@usage_commands.command()
def show(as_json: Json = False) -> None:
    """Show the sums that `push` would send; nothing else leaves the database."""
    sums = bootstrap.usage_sums(load_settings())
    if as_json:
        dump(sums)
    else:
        typer.echo(
            f"{sums.sessions} sessions, {sums.hours:g} h, {sums.tokens} tokens, {sums.cache_hit or 0:g} % from the cache"
        )


@usage_commands.command()
def push() -> None:
    """Send the sums, signed, to where `[usage] url` says."""
    settings = load_settings()
    sums = bootstrap.usage_sums(settings)
    bootstrap.send_usage(settings, sums)
    typer.echo(f"sent: {sums.sessions} sessions, {sums.hours:g} h, {sums.tokens} tokens")
