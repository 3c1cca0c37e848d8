"""CT190 "hermes" decides: drains ``incidents``, holds the ledger, the policy and the signing key; no LLM.

One task at a time, so that two sweeps never open the same incident. Beside it the permit is renewed: without a fresh one CT196
starts nothing.
"""

from aiops import steps
from tasks import services
from workers import lifecycle, serve

PERMIT_SECONDS = 0.3
"""A permit lives 0.9 s: two renewals may be late before repairs pause, and a freeze is in force within a second."""


def _renew_permit() -> None:
    steps.renew_permit(services.incidents())


if __name__ == "__main__":
    lifecycle.every(PERMIT_SECONDS, "permit", _renew_permit)
    serve("incidents", pool="solo")
