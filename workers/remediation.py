"""CT196 "claude" acts: the only consumer of ``remediation``. Nobody can control it from afar but by a signed plan.

Beside it the reaper looks for runs whose lease has ended without an outcome: they become ``unknown`` and are told to a human.
"""

from aiops import steps
from aiops.settings import load_settings
from tasks import pipeline, services
from workers import lifecycle, serve

REAP_SECONDS = 5.0


def _reap() -> None:
    for outcome in steps.reap(services.remediation()):
        pipeline.report(outcome)


if __name__ == "__main__":
    lifecycle.every(REAP_SECONDS, "reaper", _reap)
    serve("remediation", pool="prefork", concurrency=load_settings().repair.concurrency, remote_control=False)
