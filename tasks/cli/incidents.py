"""incidents, show, approve, deny, plan, undo: what is wrong, and a human's word on it."""

import time
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import Annotated, Any

import typer

from aiops import bootstrap, steps
from aiops.domain.finding import Finding
from aiops.domain.incident import Incident, State
from aiops.domain.plan import Plan
from aiops.domain.sweep import Sweep
from aiops.errors import SettingsError, UnknownError
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from tasks.cli.output import Json, clock, dump, table

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TOLD = 5
"""Messages of one incident that `aiops show` lists."""
_ENDS = (State.RESOLVED, State.ESCALATED, State.SUPPRESSED, State.AWAITING_APPROVAL)


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    for command in (incidents, show, approve, deny, plan, undo, raw):
        cli.command()(command)


def incidents(
    host: Annotated[str, typer.Option(help="Only incidents that touch this host.")] = "",
    since: Annotated[str, typer.Option(help="Opened since: 30m, 12h, 7d, 2w or a date.")] = "",
    text: Annotated[str, typer.Option(help="Words in the incident or its timeline.")] = "",
    state: Annotated[State | None, typer.Option(help="Only this state.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved and suppressed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List incidents: the open ones, or everything that a filter asks for."""
    services = _services()
    found = services.ledger.search(host=host, since=_moment(since), text=text, state=state)
    if not (everything or state or since or text):
        found = [incident for incident in found if incident.state.open]
    if as_json:
        dump(list(found))
    else:
        storm = services.ledger.storm()
        if storm:
            typer.echo(f"STORM since {clock(storm)}: nothing is repaired by itself, single messages are held back\n")
        rows = [(one.id, _state(one, services), one.severity.value, clock(one.opened_at), one.title) for one in found]
        table(("incident", "state", "severity", "opened", "what"), rows, empty="no incidents")
    if any(incident.state.open for incident in found):
        raise typer.Exit(1)


def show(
    what: Annotated[str, typer.Argument(help="An incident, or the id that a sweep returned.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep watching until it is settled.")] = False,
    seconds: Annotated[float, typer.Option(help="How long to follow.")] = 300,
    as_json: Json = False,
) -> None:
    """Show an incident with its timeline, or what a sweep saw."""
    services = _services()
    if what.startswith("inc-"):
        _show_incident(what, services, seconds if follow else 0, as_json=as_json)
    else:
        _show_sweep(what, services, seconds if follow else 0, as_json=as_json)


def approve(
    incident: str,
    digest: Annotated[str, typer.Option(help="The plan digest you looked at; another plan is refused.")] = "",
    host: Annotated[str, typer.Option(help="The host's name, typed by hand: a destructive playbook needs it.")] = "",
    as_json: Json = False,
) -> None:
    """Approve the plan that waits; it binds to exactly this plan and is good for one start."""
    approved = approve_plan(incident, _services(), digest=digest, typed=host)
    if as_json:
        dump(approved)
    else:
        typer.echo(f"approved {approved.id}: {approved.remediation} on {', '.join(approved.hosts)}")
        typer.echo(f"watch it with: aiops show --follow {incident}")


def approve_plan(incident: str, services: IncidentServices, *, digest: str = "", typed: str = "") -> Plan:
    """The word of the human at this terminal, and the doorbell.

    :raises UnknownError: no such incident, or it has no plan
    :raises RefusedError: nothing waits, the plan expired, it changed, or everything is frozen
    """
    from tasks.pipeline import dispatch  # noqa: PLC0415 - connects to the broker's settings only when needed

    approved = steps.approve(incident, getuser(), services, digest=digest, typed=typed)
    dispatch.delay(approved.id)
    return approved


def deny_plan(incident: str, why: str, services: IncidentServices) -> None:
    """The other word.

    :raises RefusedError: nothing waits for an approval
    """
    steps.deny(incident, getuser(), why, services)


def deny(incident: str, why: Annotated[str, typer.Option(help="For the record.")] = "", as_json: Json = False) -> None:
    """Say no to the plan that waits; the incident is yours from then on."""
    services = _services()
    deny_plan(incident, why, services)
    if as_json:
        dump(services.ledger.get(incident))
    else:
        typer.echo(f"denied; {incident} stays open until a detector finds it gone")


def plan(
    incident: str,
    playbook: Annotated[str, typer.Option(help="A playbook that fixes one of its findings.")] = "",
    as_json: Json = False,
) -> None:
    """Make a new plan for an incident that waits for a human; it still has to be approved."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - as above

    services = _services()
    made, handed = steps.replan(incident, playbook, services)
    hand_on(handed)
    if as_json:
        dump(made)
    else:
        typer.echo(f"{made.id}: {made.remediation} on {', '.join(made.hosts)} with {made.params}")
        typer.echo(f"approve it with: aiops approve {incident} --digest {made.digest[:12]}")


def undo(
    incident: Annotated[str, typer.Argument(help="An incident that was repaired.")],
    why: Annotated[str, typer.Option(help="For the record.")] = "",
    as_json: Json = False,
) -> None:
    """Take a repair back: makes the plan for it, where its playbook has a way back; it still has to be approved."""
    from tasks.pipeline import hand_on  # noqa: PLC0415 - as above

    made, handed = steps.undo(incident, getuser(), why, _services())
    hand_on(handed)
    show_asked(made, as_json=as_json)


def show_asked(made: Plan, *, as_json: bool) -> None:
    """A plan that a human asked for, and what has to be typed next."""
    if as_json:
        dump(made)
        return
    typer.echo(f"{made.incident}: {made.remediation} on {', '.join(made.hosts)} with {made.params}")
    typer.echo(f"approve it with: aiops approve {made.incident} --digest {made.digest[:12]}")


def raw(digest: Annotated[str, typer.Argument(help="The 16 digits in the last line of a shortened output.")]) -> None:
    """Print a whole output of which only the short form was shown."""
    typer.echo(bootstrap.archive(load_settings()).find(digest), nl=False)


def _services() -> IncidentServices:
    return bootstrap.incidents(load_settings())


def _show_incident(name: str, services: IncidentServices, seconds: float, *, as_json: bool) -> None:
    printed = 0
    deadline = time.monotonic() + seconds
    while True:
        incident = services.ledger.get(name)
        entries = services.ledger.timeline(name)
        if not as_json:
            if printed == 0:
                _head(incident, services)
            for entry in entries[printed:]:
                who = f" [{entry.who}]" if entry.who else ""
                since = (entry.at - incident.opened_at).total_seconds()
                state = entry.state.value if entry.state else ""
                typer.echo(f"{clock(entry.at)} {since:+8.1f} s  {state:<17} {entry.step:<10} {entry.text}{who}")
            printed = len(entries)
        if incident.state in _ENDS or time.monotonic() >= deadline:
            break
        time.sleep(0.2)
    if as_json:
        dump(
            {
                "incident": incident,
                "timeline": list(entries),
                "verdict": services.ledger.verdict(name),
                "plan": _plan(name, services),
            }
        )
    if incident.state.open:
        raise typer.Exit(1)


def _head(incident: Incident, services: IncidentServices) -> None:
    typer.echo(f"{incident.id}  {incident.state.value}  {incident.severity.value}\n{incident.title}")
    if incident.relapse_of:
        typer.echo(f"a relapse of {incident.relapse_of}")
    _quiet(incident, services)
    counts = services.ledger.counts(incident.id)
    for finding in incident.findings:
        seen = counts.get(finding.fingerprint)
        times = f"  (seen x{seen.count}, last {clock(seen.last_seen_at)})" if seen and seen.count > 1 else ""
        outputs = {key: whole for key, value in finding.evidence.items() if (whole := steps.output_of(value))}
        short = {key: value for key, value in finding.evidence.items() if key not in outputs}
        evidence = ", ".join(f"{key}={value}" for key, value in short.items() if value not in ("", None, []))
        typer.echo(f"  {finding.kind} {finding.host} {finding.subject}: {finding.summary}{times}")
        typer.echo(f"    {evidence[:400]}")
        for key, whole in outputs.items():
            _block(f"    {key}:", _shortened(whole, steps.command_of(finding), services))
    made = services.ledger.plan_of(incident.id)
    if made:
        typer.echo(
            f"  plan {made.id} ({made.digest[:12]}): {made.remediation} on {', '.join(made.hosts)} {made.params}"
        )
        outcome = services.ledger.outcome(made.id)
        if outcome and outcome.changes:
            _block("  announced changes (check mode):", _shortened(outcome.changes, "git diff", services))
    _delivered(incident, services)
    typer.echo("")


def _delivered(incident: Incident, services: IncidentServices) -> None:
    """Told is not done: by which way and as which message it was delivered, and what became of the plan."""
    settings = load_settings()
    if (settings.state / "mailbox.sqlite").exists():
        ours = [one for one in bootstrap.mailbox(settings).recent(1000) if one.event.incident == incident.id]
        for one in list(reversed(ours))[-_TOLD:]:
            number = f" #{one.receipt}" if one.receipt else ""
            if one.delivered_at:
                typer.echo(f"  delivered: {one.channel}{number} at {clock(one.delivered_at)}: {one.event.type}")
        waiting = sum(one.delivered_at is None for one in ours)
        if waiting:
            typer.echo(f"  not delivered yet: {waiting}; `aiops notices --waiting` tells why")
    ended = steps.executed(incident.id, services)
    if ended:
        typer.echo(f"  executed: {ended}")


def _shortened(text: str, command: str, services: IncidentServices) -> str:
    """The short form, whose last line says how to get the whole; the whole where nothing can keep it."""
    return steps.shorten(text, command, services.archive).text if services.archive else text


def _block(title: str, text: str) -> None:
    """Lines of an output, each of one length at most: a terminal is no pager."""
    typer.echo("\n".join([title, *(f"      {line[:400]}" for line in text.splitlines())]))


def _state(incident: Incident, services: IncidentServices) -> str:
    """The state, and what keeps it quiet."""
    words = [incident.state.value]
    if incident.flapping:
        words.append("flapping")
    if services.ledger.acknowledged(incident.id):
        words.append("acked")
    return ", ".join(words)


def _quiet(incident: Incident, services: IncidentServices) -> None:
    """Who has it in hand, what silences it, and what is kept with it without being opened."""
    who = services.ledger.acknowledged(incident.id)
    if who:
        typer.echo(f"in hand: {who}")
    for silence in services.ledger.silences(services.clock()):
        if any(silence.pattern.matches(finding) for finding in incident.findings):
            typer.echo(f"silenced by {silence.id} until {clock(silence.ends_at)} ({silence.who}: {silence.why})")
    for muted in services.ledger.muted(by=incident.id):
        typer.echo(f"  kept here  {muted.finding.host}  {muted.finding.summary}  (x{muted.count}: {muted.reason})")


def _held_by(finding: Finding, services: IncidentServices) -> str:
    """The incident that holds it, or why there is none."""
    held = services.ledger.by_fingerprint(finding.fingerprint)
    if held:
        return held.id
    muted = services.ledger.muted(fingerprint=finding.fingerprint)
    return f"{muted[0].by}: {muted[0].reason}" if muted else "no incident"


def _plan(name: str, services: IncidentServices) -> dict[str, Any] | None:
    made = services.ledger.plan_of(name)
    if made is None:
        return None
    outcome = services.ledger.outcome(made.id)
    return {"plan": made, "digest": made.digest, "approval": services.ledger.approval(made.id), "outcome": outcome}


def _show_sweep(name: str, services: IncidentServices, seconds: float, *, as_json: bool) -> None:
    shards = wait_for_sweep(name, services, seconds)
    if not shards:
        remedy = "it is not finished, or older than the settings keep; `--follow` waits for it"
        raise UnknownError("incident or sweep", name, remedy)
    if as_json:
        dump(list(shards))
    else:
        print_sweep(shards, services)
    if any(shard.findings for shard in shards):
        raise typer.Exit(1)


def wait_for_sweep(name: str, services: IncidentServices, seconds: float) -> list[Sweep]:
    """The shards of a sweep once all have arrived, or what there is when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        shards = list(services.ledger.sweep(name))
        if (shards and len(shards) >= shards[0].patrol.shards) or time.monotonic() >= deadline:
            return shards
        time.sleep(0.1)


def wait_for_incidents(shards: list[Sweep], services: IncidentServices, seconds: float = 3) -> None:
    """A sweep is stored a moment before it is worked through: give that moment to whoever shows both."""
    deadline = time.monotonic() + seconds
    states = [finding for shard in shards for finding in shard.findings if finding.persistence == "state"]
    while states and time.monotonic() < deadline:
        if all(services.ledger.by_fingerprint(finding.fingerprint) for finding in states):
            return
        time.sleep(0.1)


def print_sweep(shards: list[Sweep], services: IncidentServices) -> None:
    """A finished sweep for a human: figures of a single host, findings, and what could not be seen."""
    wait_for_incidents(shards, services)
    for shard in shards:
        seconds = (shard.finished_at - shard.started_at).total_seconds()
        names = ", ".join(shard.patrol.detectors)
        typer.echo(
            f"{names}: {len(shard.hosts)} host(s) in {seconds:.1f} s, {len(shard.findings)} finding(s), "
            f"{len(shard.blind)} blind"
        )
        for host, figures in shard.figures.items() if len(shard.hosts) == 1 else ():
            for label, value in figures.items():
                typer.echo(f"  {host}  {label}: {value}")
        for finding in shard.findings:
            typer.echo(
                f"  {finding.severity.value:<8} {finding.host}  {finding.summary}  ({_held_by(finding, services)})"
            )
        for blind in shard.blind:
            typer.echo(
                f"  blind    {blind.host}  {blind.detector}/{blind.probe}: {blind.reason} {blind.remedy}".rstrip()
            )
        for host in shard.asleep:
            typer.echo(f"  asleep   {host}  as expected")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    if text[:-1].isdigit() and text[-1] in _UNITS:
        return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError("--since", f"{text!r} is neither 30m, 12h, 7d, 2w nor a date like 2026-11-23") from None
    return parsed.astimezone(UTC)
