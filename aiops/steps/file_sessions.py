"""The paper trail of agents' sessions: a transcript each, in Markdown and as JSON lines, without secrets. Nothing was changed, so
the journal has no entry; the push is ``file_records``' own.
"""

import json
from zoneinfo import ZoneInfo

from aiops.condense.scrub import scrub, scrub_tree
from aiops.domain.audit import Head
from aiops.domain.record import Record
from aiops.domain.session import Grant, SessionEnd
from aiops.errors import LedgerBusyError
from aiops.ports import SessionServices

AT_ONCE = 20


def file_sessions(services: SessionServices) -> None:
    """One round: write up and commit what has ended. What cannot be committed now is tried in the next one."""
    if services.records is None:
        return
    try:
        for grant, end in services.ledger.unfiled_sessions(AT_ONCE):
            record = write_up_session(grant, end, services.timezone, services.ledger.audit_head())
            file, transcript = services.records.keep(record)
            services.ledger.file_session(grant.id, file, transcript, services.clock())
    except LedgerBusyError:
        return


def write_up_session(grant: Grant, end: SessionEnd, timezone: str, head: Head) -> Record:
    """The transcript in both forms. The same session always gives the same texts."""
    title = f"session about {grant.incident}: {end.ending}"
    return Record(
        incident=grant.incident,
        plan=grant.id,
        at=end.finished_at,
        month=f"{end.finished_at.astimezone(ZoneInfo(timezone)):%Y-%m}",
        name=f"{end.finished_at:%Y-%m-%d-%H%M%S}-{grant.incident}-{grant.id}",
        title=title,
        markdown=scrub(_markdown(grant, end)),
        lines=_lines(grant, end),
        entry="",
        trailers=(f"Incident: {grant.incident}", f"Session: {grant.id}", f"Audit: {head}"),
    )


def _lines(grant: Grant, end: SessionEnd) -> str:
    facts = (
        {"what": "grant", **grant.model_dump(mode="json", exclude={"nonce"}), "digest": grant.digest},
        *(line.model_dump(mode="json") for line in end.lines),
        {"what": "end", **end.model_dump(mode="json", exclude={"lines"})},
    )
    return "".join(json.dumps(scrub_tree(fact), ensure_ascii=False, sort_keys=True) + "\n" for fact in facts)


def _markdown(grant: Grant, end: SessionEnd) -> str:
    budget = grant.budget
    tokens = end.tokens_in + end.tokens_out
    parts = [
        f"# {grant.id}",
        "",
        f"- incident {grant.incident}: {grant.question.incident.title}",
        f"- asked for by {grant.by}: {grant.why}",
        f"- agent: {end.model or 'it was not started'}; {end.confinement or 'no walls were needed'}",
        f"- used {end.calls} of {budget.calls} turns, {tokens} of {budget.tokens} tokens; it had {budget.seconds} s",
        f"- ended **{end.ending}** at {end.finished_at:%Y-%m-%d %H:%M:%S} UTC: {end.reason}",
        f"- grant {grant.digest}",
    ]
    if end.plan:
        params = json.dumps(scrub_tree(end.plan.params), sort_keys=True)
        parts.append(f"- proposed plan: {end.plan.playbook} on {end.plan.host} with {params}")
    if end.branch:
        parts.append(f"- new playbook for review: branch `{end.branch}`")
    parts += ["", "## What it did", ""]
    for line in end.lines:
        parts += [f"### {line.at:.1f} s: {line.what}", "", _block(line.text), ""]
    if end.playbook:
        named = (("playbook", end.playbook.playbook), ("manifest", end.playbook.manifest))
        for name, text in named:
            parts += [f"## {end.playbook.id}: {name}", "", _block(text), ""]
    return "\n".join(parts)


def _block(text: str) -> str:
    """Indented, so that nothing in it can end the quotation."""
    return "\n".join(f"    {line}" for line in text.splitlines()) or "    (nothing)"
