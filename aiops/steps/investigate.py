"""investigate: an agent's session on CT196, at most once per grant. It reads what the grant brought and may only propose."""

from collections.abc import Callable
from datetime import timedelta

from aiops.domain.event import Event
from aiops.domain.session import Grant, ProposedPlan, SessionEnd, SignedGrant
from aiops.domain.severity import Severity
from aiops.errors import AiopsError, LedgerBusyError, RefusedError
from aiops.ports import SessionClaim, SessionServices
from aiops.remediations import check_params

_DAY = timedelta(days=1)
_UNTRUSTED = frozenset({"signature", "payload", "nonce"})
"""Refusals that say the grant is not ours: then nothing it says is believed."""


def investigate(signed: SignedGrant, services: SessionServices) -> SessionEnd | None:
    """Check the grant against our own limits, claim it, run the session, and say what came of it.

    None: this ring started nothing, because there is no permit, another session runs, or it was started before. A session that
    has ended gives its end again.

    :raises LedgerBusyError: our ledger cannot be written
    """
    try:
        grant = services.verifier.verify_grant(signed)
        ended = services.ledger.receive_grant(grant, services.clock())
        if ended is not None:
            return ended.told
        return _start(grant, services)
    except RefusedError as refusal:
        return _refuse(signed, refusal, services)


def reap_sessions(services: SessionServices) -> list[SessionEnd]:
    """Declare every session lost whose lease ran out, and end whatever is left of any that does not run."""
    ends = []
    for grant in services.ledger.expired_sessions(services.clock()):
        end = SessionEnd(
            session=grant.id,
            incident=grant.incident,
            ending="lost",
            reason="the worker went silent in the middle of it; it is not started again",
            finished_at=services.clock(),
        )
        if services.ledger.finish_session(end):
            ends.append(end)
            _close(grant, end, services)
    # In this order: a session is claimed before anything of it is there.
    left = services.agent.left()
    for session in left - {services.ledger.running_session()} if left else ():
        services.agent.end(session)
    return ends


def _start(grant: Grant, services: SessionServices) -> SessionEnd | None:
    if services.ledger.sessions_since(services.clock() - _DAY) >= services.per_day:
        raise RefusedError("rate", f"{services.per_day} sessions were started within a day")
    if not services.permit.valid():
        return None
    claim = services.ledger.claim_session(grant.id, services.lease_seconds, services.clock())
    if claim is None:
        return None
    _tell("session.opened", grant, f"an agent looks at {grant.incident}, as {grant.by} asked", services)
    own = grant.model_copy(update={"budget": grant.budget.narrower(services.budget)})
    end = _checked(services.agent.run(own, services.catalogue, _heart(claim, services)), grant, services)
    if not services.ledger.finish_session(end):
        return None
    _close(grant, end, services)
    return end.told


def _checked(end: SessionEnd, grant: Grant, services: SessionServices) -> SessionEnd:
    """A proposal is taken from an agent as from a stranger: what does not fit ends the session, and says so."""
    try:
        if end.plan:
            _fits(end.plan, grant, services)
        if end.playbook:
            if services.reviews is None:
                raise RefusedError("review", "no repository is set for new playbooks; it stands in the transcript")
            branch = services.reviews.offer(grant.id, end.playbook)
            return end.model_copy(update={"branch": branch})
    except AiopsError as error:
        return end.model_copy(
            update={"ending": "nothing", "plan": None, "reason": f"{error}; it had said: {end.reason}"}
        )
    return end


def _fits(proposed: ProposedPlan, grant: Grant, services: SessionServices) -> None:
    remediation = services.catalogue.get(proposed.playbook)
    if remediation is None:
        raise RefusedError("playbook", f"it proposed {proposed.playbook!r}, which the catalogue does not have")
    if proposed.host not in grant.question.incident.hosts:
        raise RefusedError("hosts", f"it proposed {proposed.host!r}, which is no host of the incident")
    check_params(remediation, proposed.params)


def _heart(claim: SessionClaim, services: SessionServices) -> Callable[[], bool]:
    """Extends the lease. A ledger that is busy for a moment does not end a session as long as the last lease holds."""
    until = claim.lease_until

    def beat() -> bool:
        nonlocal until
        now = services.clock()
        try:
            ours = services.ledger.extend_session(claim, services.lease_seconds, now)
        except LedgerBusyError:
            return now < until
        until = now + timedelta(seconds=services.lease_seconds)
        return ours

    return beat


def _refuse(signed: SignedGrant, refusal: RefusedError, services: SessionServices) -> SessionEnd | None:
    """Publish it and write it down; an end ``refused`` when the grant carries our signature."""
    trusted = refusal.reason not in _UNTRUSTED
    grant = Grant.model_validate_json(signed.payload) if trusted else None
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-remediation",
            severity=Severity.WARNING if trusted else Severity.CRITICAL,
            timestamp=services.clock(),
            host="ct196",
            symptom=f"a session was refused: {refusal.text}",
            type="session.refused",
            incident=signed.incident,
            response=bool(signed.incident),
            context={"reason": refusal.reason},
        )
    )
    known = {"incident": grant.incident, "plan": grant.id, "digest": grant.digest} if grant else {}
    services.ledger.write_down(
        services.clock(), "CT196", "session refused", outcome=refusal.reason, text=refusal.text, **known
    )
    if grant is None:
        return None
    return SessionEnd(
        session=grant.id,
        incident=grant.incident,
        ending="refused",
        reason=f"{refusal.reason}: {refusal.text}",
        finished_at=services.clock(),
    )


def _close(grant: Grant, end: SessionEnd, services: SessionServices) -> None:
    text = f"the agent's look is over: {end.ending}: {end.reason}"
    used = {"calls": end.calls, "tokens_in": end.tokens_in, "tokens_out": end.tokens_out}
    _tell("session.closed", grant, text, services, status=end.ending, reason=end.reason, **used)


def _tell(kind: str, grant: Grant, text: str, services: SessionServices, **context: object) -> None:
    services.events.publish(
        Event(
            source="claude",
            cron="guardian-remediation",
            severity=Severity.INFO,
            timestamp=services.clock(),
            host=", ".join(grant.question.incident.hosts),
            symptom=text,
            type=kind,
            incident=grant.incident,
            response=True,
            context={"session": grant.id, **context},
        )
    )
