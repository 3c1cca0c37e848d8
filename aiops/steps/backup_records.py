"""The paper trail of a backup: a transcript and a line in the ops journal, as of every change."""

import hashlib
import json
from zoneinfo import ZoneInfo

from aiops.condense.scrub import scrub, scrub_tree
from aiops.domain.record import Record
from aiops.ports import BackupServices, Filing

AT_ONCE = 20


def file_backups(services: BackupServices) -> None:
    """Write up every run that has ended. The push is ``file_records``'.

    :raises LedgerBusyError: it cannot be committed now; the next round tries again
    """
    if services.records is None:
        return
    for filing in services.runs.unfiled_backups(AT_ONCE):
        file, transcript = services.records.keep(write_up_backup(filing, services.timezone))
        services.runs.file_backup(filing.result.run, file, transcript, services.clock())


def write_up_backup(filing: Filing, timezone: str) -> Record:
    """The transcript in both forms and the journal's entry, without secrets. The same run always gives the same texts."""
    order, result = filing.order, filing.result
    local = result.finished_at.astimezone(ZoneInfo(timezone))
    facts = (
        {"what": "order", **order.model_dump(mode="json", exclude={"approval"}), "approved_by": filing.approved_by},
        *({"what": "step", **step.model_dump(mode="json")} for step in filing.steps),
        {"what": "result", **result.model_dump(mode="json", exclude={"transcript"})},
    )
    lines = "".join(json.dumps(scrub_tree(fact), ensure_ascii=False, sort_keys=True) + "\n" for fact in facts)
    hashed = hashlib.sha256(lines.encode()).hexdigest()
    record = f"\n## Record\n\n- the same as JSON lines has the SHA-256 {hashed}\n"
    markdown = scrub(result.transcript + record)
    entry = [
        f"## {local:%Y-%m-%d %H:%M} · backup {result.run} · {result.status}",
        "",
        f"- who: CT196, ordered by {order.asked_by}, allowed by {filing.approved_by}",
        f"- what: {sum(state == 'done' for state in result.guests.values())} of {len(result.guests)} guests"
        + (f"; {' '.join(result.reason.split())}" if result.reason else ""),
        f"- evidence: {result.run}, transcript SHA-256 {hashlib.sha256(markdown.encode()).hexdigest()}",
        "- undo: none is needed, a backup changes no guest; what retention removed is gone",
        "",
        "",
    ]
    return Record(
        incident=result.run,
        plan=result.run,
        at=result.finished_at,
        month=f"{local:%Y-%m}",
        name=f"{result.finished_at:%Y-%m-%d-%H%M%S}-{result.run}",
        title=f"backup {result.run}: {result.status}",
        markdown=markdown,
        lines=lines,
        entry=scrub("\n".join(entry)),
        trailers=(f"Backup: {result.run}",),
    )
