"""audit, records: what was decided and done, and the proof that nobody has touched the log since."""

import re
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.audit import Head
from aiops.errors import SettingsError
from aiops.ports import AuditLog
from aiops.settings import Settings, load_settings
from tasks.cli.output import Json, clock, dump, table

audit = typer.Typer(invoke_without_command=True, help="The audit log: list it, verify it.")
_SIDES = {"decided": "incidents.sqlite", "done": "executions.sqlite"}
_HEAD = re.compile(r"(decided|done):(\d{1,12}):([0-9a-f]{64})")


def register(cli: typer.Typer) -> None:
    """Add the group and the command."""
    cli.add_typer(audit, name="audit")
    cli.command()(records)


@audit.callback()
def listed(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many lines of each side.")] = 30,
    incident: Annotated[str, typer.Option(help="Only lines about this incident, among the newest 10 000.")] = "",
    as_json: Json = False,
) -> None:
    """List the newest lines of what was decided (CT190) and done (CT196), oldest first."""
    if context.invoked_subcommand:
        return
    found = [
        (side, line)
        for side, ledger in _ledgers(load_settings()).items()
        for line in ledger.audit(10_000 if incident else count)
        if not incident or line.incident == incident
    ]
    found.sort(key=lambda pair: (pair[1].at, pair[0], pair[1].n))
    if as_json:
        dump([{"side": side, **line.model_dump(mode="json")} for side, line in found])
        return
    rows = [
        (
            side,
            line.n,
            clock(line.at),
            line.who,
            line.what,
            line.plan or line.incident,
            f"{line.outcome} {line.text}".strip(),
        )
        for side, line in found
    ]
    table(("side", "line", "when", "who", "what", "about", "words"), rows, empty="the audit log is empty")


@audit.command()
def verify(
    head: Annotated[
        list[str] | None, typer.Option(help="A head that was kept elsewhere, as this command prints it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every line of both sides; 1 when one was changed, removed, put elsewhere, or the end was cut off."""
    settings = load_settings()
    anchors = _anchors(head or [])
    anchors["done"] += bootstrap.records(settings).anchors()
    ledgers = _ledgers(settings)
    found = {side: ledger.broken(anchors[side]) for side, ledger in ledgers.items()}
    heads = {side: ledger.audit_head() for side, ledger in ledgers.items() if not found[side]}
    if as_json:
        dump(
            {
                "heads": {side: f"{side}:{known}" for side, known in heads.items()},
                "breaks": [{"side": side, "n": one.n, "reason": one.reason} for side in found for one in found[side]],
            }
        )
    else:
        for side, known in heads.items():
            kept = f", {len(anchors[side])} heads kept elsewhere agree" if anchors[side] else ""
            typer.echo(f"{side}: {known.n} lines, each follows from the one before{kept}; head {side}:{known}")
        for side, breaks in found.items():
            for one in breaks:
                typer.echo(f"{side}: BROKEN at line {one.n}: {one.reason}")
    if any(found.values()):
        raise typer.Exit(1)


def records(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 30, as_json: Json = False
) -> None:
    """List the transcripts, and say whether any wait to be pushed."""
    settings = load_settings()
    ledger = bootstrap.executions(settings)
    filed, unfiled = ledger.filed(count), ledger.unfiled(1000)
    pushed, since = ledger.push_state()
    if as_json:
        dump({"filed": list(filed), "unfiled": len(unfiled), "push": pushed, "since": since})
    else:
        folder = settings.state / "records" / "transcripts"
        rows = [(clock(one.at), one.incident, one.status, one.transcript[:12], str(folder / one.file)) for one in filed]
        table(("filed", "incident", "ended", "sha256", "transcript"), rows, empty="no repair has been filed yet")
        if unfiled:
            typer.echo(f"{len(unfiled)} that ended are about to be filed")
        if pushed.reason and since:
            typer.echo(f"{pushed.waiting} commits wait since {clock(since)}: {pushed.reason}")
    if pushed.reason:
        raise typer.Exit(1)


def _ledgers(settings: Settings) -> dict[str, AuditLog]:
    """Those that are on this container."""
    found: dict[str, AuditLog] = {}
    if (settings.state / _SIDES["decided"]).exists():
        found["decided"] = bootstrap.incidents(settings).ledger
    if (settings.state / _SIDES["done"]).exists():
        found["done"] = bootstrap.executions(settings)
    return found


def _anchors(given: list[str]) -> dict[str, list[Head]]:
    anchors: dict[str, list[Head]] = {side: [] for side in _SIDES}
    for text in given:
        match = _HEAD.fullmatch(text)
        if match is None:
            raise SettingsError("--head", f"{text!r} is no head such as done:12:ab34...")
        anchors[match[1]].append(Head(int(match[2]), match[3]))
    return anchors
