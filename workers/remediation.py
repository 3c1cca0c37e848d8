"""CT196 "claude" acts: the only consumer of ``remediation``. Nobody can control it from afar but by a signed plan.

Beside it the reaper looks for runs whose lease has ended without an outcome: they become ``unknown`` and are told to a human; and
the paper trail is written up and pushed.
"""

from contextlib import suppress

from aiops import steps
from aiops.domain.fact import utcnow
from aiops.errors import TransientError
from aiops.settings import load_settings
from tasks import pipeline, services
from workers import lifecycle, serve

REAP_SECONDS = 5.0
RECORD_SECONDS = 15.0
"""A push to a remote that is down waits up to 10 s for a connection; the one that succeeds takes one or two."""


def _reap() -> None:
    for outcome in steps.reap(services.remediation()):
        pipeline.report(outcome)


def _reap_sessions() -> None:
    for end in steps.reap_sessions(services.sessions()):
        pipeline.report_session(end)


def _file_records() -> None:
    steps.file_sessions(services.sessions())
    steps.file_records(services.remediation())


if __name__ == "__main__":
    # A ledger accepts no plan that was approved before it began, so it has to begin before the first plan comes.
    with suppress(TransientError):
        services.remediation().executions.expired(utcnow())
    lifecycle.every(REAP_SECONDS, "reaper", _reap)
    lifecycle.every(REAP_SECONDS, "session reaper", _reap_sessions)
    lifecycle.every(RECORD_SECONDS, "records", _file_records)
    serve("remediation", pool="prefork", concurrency=load_settings().repair.concurrency, remote_control=False)
