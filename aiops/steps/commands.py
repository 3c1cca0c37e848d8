"""commands: what a human may write to the bot. Each goes the way of the command of the same name on the terminal."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from aiops.condense.scrub import scrub
from aiops.domain.fact import new_id
from aiops.domain.handover import Handover
from aiops.domain.incident import Incident
from aiops.domain.remediation import ParamValue
from aiops.domain.report import Report, Spread
from aiops.domain.talk import Said, Wanted
from aiops.errors import RefusedError, UnknownError
from aiops.ports import IncidentServices
from aiops.steps.explain import explain
from aiops.steps.freeze import freeze, thaw
from aiops.steps.reports import figures, last_day, looking, seconds
from aiops.steps.request import request

COMMANDS: Final = (
    "incidents",
    "show",
    "sweep",
    "audit",
    "health_check",
    "commission",
    "decommission",
    "freeze",
    "thaw",
    "schedule",
    "report",
    "help",
)
CODE_LIFE: Final = timedelta(minutes=10)
"""As long as a typed host name is awaited."""
LONGEST: Final = 3800
"""Characters of an answer. Telegram takes 4096."""
_MOST: Final = 20
"""Lines of a list on a phone."""
_TIMELINE: Final = 8

Reply = tuple[str, str, Handover]
"""The text, the incident whose card is wanted, what follows."""


class _UsageError(Exception):
    """It was not written as the command wants it."""


def split(text: str) -> tuple[str, list[str]]:
    """``/show@hermes_bot inc-1`` as ``/show`` and its words."""
    parts = text.split()
    return parts[0].partition("@")[0].lower(), parts[1:]


def command(said: Said, services: IncidentServices) -> Reply:
    """Do what was written; what cannot be understood gets the form that can.

    :raises RefusedError: it is understood, and not done
    :raises UnknownError: no such host, incident ...
    """
    word, given = split(said.text)
    does = _DOES.get(word[1:])
    if does is None:
        return services.words("usage.unknown", word=word[:40]), "", Handover()
    try:
        return does(given, said.by, services)
    except _UsageError:
        usage = services.words(f"usage.{word[1:]}")
        return services.words("usage.wrong", word=said.text[:60], usage=usage), "", Handover()


def reasons(incident: str, services: IncidentServices) -> str:
    """Why it was decided so and where it stands, from the record alone.

    :raises UnknownError: no such incident
    """
    return fitting([incident, *(services.words.said(scrub(line)) for line in explain(incident, services))], services)


def fitting(lines: Sequence[str], services: IncidentServices) -> str:
    """As many lines as one message takes, and how many it did not."""
    kept: list[str] = []
    for place, line in enumerate(lines):
        room = LONGEST - sum(len(one) + 1 for one in kept)
        if len(line) > room and kept:
            return "\n".join([*kept, services.words("answer.more", count=len(lines) - place)])
        kept.append(line[:room])
    return "\n".join(kept)


def _incidents(given: list[str], _: str, services: IncidentServices) -> Reply:
    if len(given) > 1:
        raise _UsageError
    host = services.inventory.find(given[0]).name if given else ""
    found = [one for one in services.ledger.search(host=host, limit=500) if one.state.open]
    found.sort(key=lambda one: -one.severity.rank)
    lines = [_line(one, services) for one in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(services.words("answer.more", count=len(found) - _MOST))
    return fitting(lines or [services.words("answer.none_open")], services), "", Handover()


def _line(incident: Incident, services: IncidentServices) -> str:
    state = services.words(f"state.{incident.state.value}")
    return f"{incident.id} {incident.severity.value}, {state}: {scrub(incident.title)[:160]}"


def _show(given: list[str], _: str, services: IncidentServices) -> Reply:
    if len(given) != 1:
        raise _UsageError
    if not given[0].startswith("inc-"):
        return _swept(given[0], services)
    incident = services.ledger.get(given[0])
    last = list(services.ledger.timeline(incident.id))[-_TIMELINE:]
    lines = [f"{entry.at:%m-%d %H:%M} {entry.step}: {services.words.said(scrub(entry.text))[:300]}" for entry in last]
    return fitting([_line(incident, services), *lines], services), incident.id, Handover()


def _swept(sweep: str, services: IncidentServices) -> Reply:
    shards = services.ledger.sweep(sweep)
    if not shards:
        return services.words("answer.no_sweep", sweep=sweep[:60]), "", Handover()
    lines = [
        services.words(
            "answer.swept",
            detectors=", ".join(shards[0].patrol.detectors),
            hosts=sum(len(shard.hosts) for shard in shards),
            findings=sum(len(shard.findings) for shard in shards),
            blind=sum(len(shard.blind) for shard in shards),
        )
    ]
    for shard in shards:
        lines += [f"{one.severity.value} {one.host}: {scrub(one.summary)[:160]}" for one in shard.findings]
    return fitting(lines, services), "", Handover()


def _sweep(given: list[str], by: str, services: IncidentServices) -> Reply:
    guardians = [word for word in given if word in services.periods]
    hosts = [services.inventory.find(word).name for word in given if word not in services.periods]
    return _look(guardians or sorted(services.periods), hosts, by, services)


def _health_check(given: list[str], by: str, services: IncidentServices) -> Reply:
    return _look(["health"], [services.inventory.find(word).name for word in given], by, services)


def _look(guardians: Sequence[str], hosts: Sequence[str], by: str, services: IncidentServices) -> Reply:
    wanted = Wanted(sweep=new_id("look", services.clock()), guardians=tuple(guardians), hosts=tuple(hosts), by=by)
    where = ", ".join(hosts) or services.words("answer.all_hosts")
    text = services.words("answer.sweep", guardians=", ".join(guardians), hosts=where, sweep=f"/show {wanted.sweep}")
    return fitting([text], services), "", Handover(patrols=(wanted,))


def _audit(given: list[str], by: str, services: IncidentServices) -> Reply:
    return _ask("audit_host", given, {}, by, services)


def _commission(given: list[str], by: str, services: IncidentServices) -> Reply:
    name = given[1] if len(given) == 2 else given[0] if given else ""  # noqa: PLR2004 - HOST and NAME
    return _ask("commission", given[:1] if len(given) <= 2 else [], {"name": name}, by, services)  # noqa: PLR2004


def _decommission(given: list[str], by: str, services: IncidentServices) -> Reply:
    return _ask("decommission", given, {}, by, services)


def _ask(
    playbook: str, hosts: Sequence[str], params: dict[str, ParamValue], by: str, services: IncidentServices
) -> Reply:
    if len(hosts) != 1:
        raise _UsageError
    if playbook not in services.catalogue:
        raise UnknownError("playbook", playbook, "`aiops playbooks` lists them")
    plan, handed = request(playbook, hosts, params, by, services)
    text = services.words(
        "answer.asked", playbook=plan.remediation, hosts=", ".join(plan.hosts), incident=plan.incident
    )
    return text, "", handed


def _freeze(given: list[str], by: str, services: IncidentServices) -> Reply:
    frozen = freeze(by, " ".join(given)[:200] or "no reason given", services)
    return services.words("answer.frozen", frozen=frozen), "", Handover()


def _thaw(given: list[str], by: str, services: IncidentServices) -> Reply:
    """In two steps: whoever got hold of the ears' key, but cannot read what we tell the human, must not lift a freeze."""
    if len(given) > 1:
        raise _UsageError
    now = services.clock()
    if not given:
        code = secrets.token_hex(4)
        services.ledger.keep_code(code, by, now + CODE_LIFE)
        minutes = int(CODE_LIFE.total_seconds() // 60)
        return services.words("answer.thaw_code", code=code, minutes=minutes), "", Handover()
    if not services.ledger.take_code(given[0], by, now):
        raise RefusedError("code", "that is not the code of your last /thaw, or its time is over")
    thaw(by, services)
    return services.words("answer.thawed"), "", Handover()


def _schedule(given: list[str], _: str, services: IncidentServices) -> Reply:
    if given:
        raise _UsageError
    known = {host.name for host in services.inventory.hosts()}
    looks = [look for look in services.ledger.looks() if look.host in known]
    lines = []
    for guardian, at in services.due(services.clock()).items():
        ours = [look for look in looks if look.detector == guardian]
        last = max((look.at for look in ours), default=None)
        lines.append(
            services.words(
                "schedule.line",
                guardian=guardian,
                last=f"{last:%m-%d %H:%M}" if last else services.words("schedule.never"),
                findings=sum(look.findings for look in ours),
                blind=sum(bool(look.blind) for look in ours),
                next=f"{at:%m-%d %H:%M} UTC",
            )
        )
    return fitting(lines, services), "", Handover()


def _report(given: list[str], _: str, services: IncidentServices) -> Reply:
    if given:
        raise _UsageError
    periods = looking(services.periods, services.ledger)
    report = figures("daily", *last_day(services.clock()), services.ledger, zone=services.timezone, periods=periods)
    return fitting([services.words("report.title"), *_figures(report, services)], services), "", Handover()


def _figures(report: Report, services: IncidentServices) -> Iterator[str]:
    """The figures of the morning's report, in the human's language."""
    words = services.words
    yield words("report.opened", count=report.seen, critical=report.critical, relapsed=report.relapsed)
    yield words("report.resolved", count=report.resolved, median=_span(report.closing, services))
    yield words("report.repaired", count=report.repaired, failed=report.failed, median=_span(report.repair, services))
    yield words("report.waiting", count=report.with_human)
    yield words("report.cost", eur=f"{report.spending.eur:.2f}", asked=report.spending.asked)
    late = [f"{one.guardian} {one.share:g} %" for one in report.punctuality if one.missed and one.share is not None]
    if late:
        yield words("report.late", guardians=", ".join(late))


def _span(spread: Spread, services: IncidentServices) -> str:
    return seconds(spread.median) if spread.median is not None else services.words("report.nothing")


def _help(given: list[str], _: str, services: IncidentServices) -> Reply:
    if given:
        raise _UsageError
    words = services.words
    lines = [f"{words(f'usage.{name}')}: {words(f'command.{name}')}" for name in COMMANDS]
    return fitting([words("answer.help"), *lines], services), "", Handover()


_DOES: Final[dict[str, Callable[[list[str], str, IncidentServices], Reply]]] = {
    "incidents": _incidents,
    "show": _show,
    "sweep": _sweep,
    "audit": _audit,
    "health_check": _health_check,
    "commission": _commission,
    "decommission": _decommission,
    "freeze": _freeze,
    "thaw": _thaw,
    "schedule": _schedule,
    "report": _report,
    "help": _help,
}
