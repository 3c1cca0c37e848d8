"""Transcripts and the ops journal in two git repositories."""

import hashlib
import re
from collections.abc import Sequence

from aiops.adapters.git_repository import GitRepository
from aiops.domain.audit import Head
from aiops.domain.record import Pushed, Record

_HEAD = re.compile(r"(\d{1,12}):([0-9a-f]{64})")


class GitRecords:
    """Port ``Records``."""

    def __init__(self, transcripts: GitRepository, journal: GitRepository) -> None:
        self._transcripts, self._journal = transcripts, journal

    def keep(self, record: Record) -> tuple[str, str]:
        file = f"{record.at:%Y}/{record.name}.md"
        message = "\n".join([record.title, "", *record.trailers])
        files = {file: record.markdown, f"{record.at:%Y}/{record.name}.jsonl": record.lines}
        self._transcripts.commit(files, {}, message)
        if record.entry:
            month = f"journal/{record.month}.md"
            self._journal.commit({}, {month: (record.plan, record.entry)}, message)
        return file, hashlib.sha256(record.markdown.encode()).hexdigest()

    def push(self) -> Pushed:
        both = (self._transcripts.push(), self._journal.push())
        return Pushed(
            sent=sum(one.sent for one in both),
            waiting=sum(one.waiting for one in both),
            reason="; ".join(one.reason for one in both if one.reason),
        )

    def anchors(self) -> Sequence[Head]:
        found = (_HEAD.fullmatch(value) for value in self._transcripts.trailers("Audit"))
        return [Head(int(match[1]), match[2]) for match in found if match]
