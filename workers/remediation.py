"""CT196 "claude" acts: the only consumer of ``remediation``. Nobody can control it from afar but by a signed plan.

Beside it the nightly backup goes on step by step, so that a restart resumes it. The reaper looks for runs whose lease has ended
without an outcome: they become ``unknown`` and are told to a human; and the paper trail is written up and pushed.
"""

import os
import secrets
from contextlib import suppress

from kombu.exceptions import OperationalError

from aiops import steps
from aiops.domain.fact import utcnow
from aiops.errors import BusError, TransientError
from aiops.settings import load_settings
from tasks import pipeline, services
from workers import lifecycle
from workers.draining import serve

REAP_SECONDS = 5.0
BACKUP_SECONDS = 1.0
"""A run of thirty guests is some hundred short steps: a slower round would be what they wait for."""
RECORD_SECONDS = 15.0
"""A push to a remote that is down waits up to 10 s for a connection; the one that succeeds takes one or two."""


def _reap() -> None:
    for outcome in steps.reap(services.remediation()):
        pipeline.report(outcome)


def _reap_sessions() -> None:
    for end in steps.reap_sessions(services.sessions()):
        pipeline.report_session(end)


def _file_records() -> None:
    if load_settings().backup.store:
        steps.file_backups(services.backup())
    steps.file_sessions(services.sessions())
    steps.file_records(services.remediation())


_OWNER = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(4)}"


def _back_up() -> None:
    """One round of the open backup, and what ended is told until it has been handed over."""
    ours = services.backup()
    steps.advance_backup(_OWNER, ours)
    for result in ours.runs.unsaid_backups():
        try:
            pipeline.report_backup(result)
        except OperationalError as error:
            raise BusError("redis", str(error)) from error
        ours.runs.said_backup(result.run)


if __name__ == "__main__":
    # A ledger accepts no plan that was approved before it began, so it has to begin before the first plan comes.
    with suppress(TransientError):
        services.remediation().executions.expired(utcnow())
    lifecycle.every(REAP_SECONDS, "reaper", _reap)
    if load_settings().backup.store:
        lifecycle.every(BACKUP_SECONDS, "backup", _back_up)
    lifecycle.every(REAP_SECONDS, "session reaper", _reap_sessions)
    lifecycle.every(RECORD_SECONDS, "records", _file_records)
    serve("remediation", pool="prefork", concurrency=load_settings().repair.concurrency)
