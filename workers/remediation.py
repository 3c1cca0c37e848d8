"""CT196 "claude" acts: the only consumer of ``remediation``. Nobody can control it from afar but by a signed plan.

Beside it the reaper looks for runs whose lease has ended without an outcome: they become ``unknown`` and are told to a human.
"""

from contextlib import suppress

from aiops import steps
from aiops.domain.fact import utcnow
from aiops.errors import TransientError
from aiops.settings import load_settings
from tasks import pipeline, services
from workers import lifecycle, serve

REAP_SECONDS = 5.0


def _reap() -> None:
    for outcome in steps.reap(services.remediation()):
        pipeline.report(outcome)


if __name__ == "__main__":
    # A ledger accepts no plan that was approved before it began, so it has to begin before the first plan comes.
    with suppress(TransientError):
        services.remediation().executions.expired(utcnow())
    lifecycle.every(REAP_SECONDS, "reaper", _reap)
    serve("remediation", pool="prefork", concurrency=load_settings().repair.concurrency, remote_control=False)
